variable "access_log_bucket_force_destroy" {
  description = "Whether destroying the bucket of access logs also deletes the logs in it; without it, AWS refuses while there are any."
  type        = bool
  default     = false
  nullable    = false
}

variable "access_log_expiration_days" {
  description = "Days after which access logs are deleted."
  type        = number
  default     = 90
  nullable    = false

  validation {
    condition     = var.access_log_expiration_days >= 1 && floor(var.access_log_expiration_days) == var.access_log_expiration_days
    error_message = "access_log_expiration_days is ${var.access_log_expiration_days}; it must be a whole number of at least 1."
  }
}

variable "access_logs_enabled" {
  description = "Whether the load balancers in the network, and the buckets of its applications, log their requests in the bucket <name>-access-logs-<account id>."
  type        = bool
  default     = false
  nullable    = false
}

variable "account_id" {
  description = "Id of the AWS account that holds every resource of this layer; the provider refuses credentials of another."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id is \"${var.account_id}\"; it must be the 12 digits of an AWS account, in quotes, as aws sts get-caller-identity prints them."
  }
}

variable "alarm_action_arns" {
  description = "ARNs that are notified when the load balancer's alarm goes into ALARM or back to OK, such as SNS topics."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.alarm_action_arns : can(regex("^arn:aws[a-z-]*:", arn))])
    error_message = "alarm_action_arns holds ${join(", ", var.alarm_action_arns)}; each must be an ARN, such as arn:aws:sns:us-east-1:111122223333:operations."
  }
}

variable "availability_zones" {
  description = "Codes of the region's availability zones to use; one public and one private subnet is made in each."
  type        = list(string)
  default     = ["us-east-1a", "us-east-1b"]
  nullable    = false

  validation {
    condition     = length(var.availability_zones) >= 2 && length(distinct(var.availability_zones)) == length(var.availability_zones)
    error_message = "availability_zones is ${jsonencode(var.availability_zones)}; it must be two different zones at least: a load balancer and a Multi-AZ database need two."
  }

  validation {
    condition     = alltrue([for zone in var.availability_zones : can(regex("^${var.region}[a-z]$", zone))])
    error_message = "availability_zones is ${jsonencode(var.availability_zones)}; it must be zones of the region ${var.region}, such as ${var.region}a."
  }
}

variable "cidr_block" {
  description = "IPv4 range of the VPC, in CIDR notation."
  type        = string
  default     = "10.0.0.0/16"
  nullable    = false

  validation {
    condition = (
      can(regex("^[0-9.]+/(1[6-9]|2[0-8])$", var.cidr_block))
      && try(cidrsubnet(var.cidr_block, 0, 0), "") == var.cidr_block
    )
    error_message = "cidr_block is \"${var.cidr_block}\"; it must be an IPv4 network address with a length of /16 to /28, such as 10.0.0.0/16, without bits beyond its length."
  }
}

variable "flow_log_retention_days" {
  description = "Days that flow logs are kept."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition = contains(
      [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653],
      var.flow_log_retention_days
    )
    error_message = "flow_log_retention_days is ${var.flow_log_retention_days}; it must be 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653."
  }
}

variable "flow_log_traffic_type" {
  description = "Connections that the VPC logs in the log group <name>/flow-logs, at a price for each GB: REJECT (what security groups refuse), ACCEPT, ALL, or null for none."
  type        = string
  default     = null

  validation {
    condition     = var.flow_log_traffic_type == null || try(contains(["ACCEPT", "ALL", "REJECT"], var.flow_log_traffic_type), false)
    error_message = "flow_log_traffic_type is ${jsonencode(var.flow_log_traffic_type)}; it must be ACCEPT, ALL, REJECT or null."
  }
}

variable "load_balancer_certificate_arn" {
  description = "ARN of an ACM certificate that exists and holds for *.load_balancer_zone_name; null makes one where load_balancer_zone_name is set."
  type        = string
  default     = null

  # "Prerequisites" of HTTPS listeners, user guide for Application Load Balancers: it is in the load balancer's region.
  validation {
    condition     = var.load_balancer_certificate_arn == null || can(regex("^arn:aws[a-z-]*:acm:${var.region}:${var.account_id}:certificate/[0-9a-f-]+$", var.load_balancer_certificate_arn))
    error_message = "load_balancer_certificate_arn is ${jsonencode(var.load_balancer_certificate_arn)}; it must be the ARN of an ACM certificate of the region ${var.region} and the account ${var.account_id}, as aws acm list-certificates prints it, or null."
  }

  validation {
    condition     = var.load_balancer_certificate_arn == null || var.load_balancer_zone_name != null
    error_message = "load_balancer_certificate_arn is set; then load_balancer_zone_name must be the zone that it holds for names of."
  }
}

variable "load_balancer_deletion_protection" {
  description = "Whether the network's load balancer has deletion protection."
  type        = bool
  default     = false
  nullable    = false
}

variable "load_balancer_https_listener_arn" {
  description = "ARN of the HTTPS listener of a load balancer that exists in vpc_id: apps of the network may share that one, below load_balancer_zone_name. They get rules of the listener, and its security group one for each. null makes a load balancer where load_balancer_zone_name is set."
  type        = string
  default     = null

  validation {
    condition     = var.load_balancer_https_listener_arn == null || can(regex("^arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:[0-9]{12}:listener/app/[^/*?]+/[0-9a-z]+/[0-9a-z]+$", var.load_balancer_https_listener_arn))
    error_message = "load_balancer_https_listener_arn is ${jsonencode(var.load_balancer_https_listener_arn)}; it must be the ARN of a listener of an application load balancer, as aws elbv2 describe-listeners prints it, or null."
  }

  validation {
    condition     = var.load_balancer_https_listener_arn == null || (var.vpc_id != null && var.load_balancer_zone_name != null && !var.load_balancer_zone_create)
    error_message = "load_balancer_https_listener_arn is set; then vpc_id must be the VPC of its load balancer, and load_balancer_zone_name a Route 53 zone that exists, which its certificate is for, without load_balancer_zone_create."
  }
}

variable "load_balancer_idle_timeout_seconds" {
  description = "Seconds of silence after which the network's load balancer closes a connection, an answer that has not begun included; the applications' servers have to keep connections for longer."
  type        = number
  default     = 60
  nullable    = false

  # "Connection idle timeout" in the user guide for Application Load Balancers.
  validation {
    condition     = var.load_balancer_idle_timeout_seconds >= 1 && var.load_balancer_idle_timeout_seconds <= 4000 && floor(var.load_balancer_idle_timeout_seconds) == var.load_balancer_idle_timeout_seconds
    error_message = "load_balancer_idle_timeout_seconds is ${var.load_balancer_idle_timeout_seconds}; it must be a whole number from 1 to 4000."
  }
}

variable "load_balancer_ssl_policy" {
  description = "Name of the load balancer's TLS policy; one that begins with TLS 1.2 or newer."
  type        = string
  default     = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
  nullable    = false

  validation {
    condition     = can(regex("^ELBSecurityPolicy-TLS13-1-[23]-", var.load_balancer_ssl_policy))
    error_message = "load_balancer_ssl_policy is \"${var.load_balancer_ssl_policy}\"; it must begin with ELBSecurityPolicy-TLS13-1-2- or ELBSecurityPolicy-TLS13-1-3-: older policies let in TLS 1.0 or 1.1."
  }
}

variable "load_balancer_zone_create" {
  description = "Whether to create the Route 53 zone load_balancer_zone_name; otherwise it must exist."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.load_balancer_zone_create || var.load_balancer_zone_name != null
    error_message = "load_balancer_zone_create is true, and load_balancer_zone_name is not set; it must be the name of the zone to create."
  }
}

variable "load_balancer_zone_name" {
  description = "Name of a Route 53 zone: apps of the network may share a load balancer, which serves names directly below the zone's by HTTPS with one certificate; null for no load balancer."
  type        = string
  default     = null

  validation {
    condition     = var.load_balancer_zone_name == null || can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$", var.load_balancer_zone_name))
    error_message = "load_balancer_zone_name is ${jsonencode(var.load_balancer_zone_name)}; it must be a domain in lower case, such as staging.example.org, or null."
  }
}

variable "name" {
  description = "Prefix of every resource's name: <environment>-<app>."
  type        = string
  nullable    = false

  validation {
    condition = (
      length(var.name) <= 28
      && can(regex("^[a-z][a-z0-9-]*[a-z0-9]$", var.name))
      && !strcontains(var.name, "--")
    )
    error_message = "name is \"${var.name}\" and has ${length(var.name)} characters; it must have 2 to 28: lower-case letters, digits and single hyphens, first a letter, last no hyphen. AWS allows nothing else in names of load balancers and databases, allows load balancers 32 characters, and some names add an ending."
  }
}

variable "nat_gateway_mode" {
  description = "How private subnets reach the internet: single (one NAT gateway for all zones), per_availability_zone (one each, survives the loss of a zone) or none (they don't)."
  type        = string
  default     = "single"
  nullable    = false

  validation {
    condition     = contains(["single", "per_availability_zone", "none"], var.nat_gateway_mode)
    error_message = "nat_gateway_mode is \"${var.nat_gateway_mode}\"; allowed are single, per_availability_zone and none."
  }
}

variable "permissions_boundary_arn" {
  description = "ARN of the IAM policy that limits every role of this layer; null for none. The policy of the deployer's role allows no role without it."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary_arn == null || can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:policy/.+$", var.permissions_boundary_arn))
    error_message = "permissions_boundary_arn is \"${coalesce(var.permissions_boundary_arn, "null")}\"; it must be the ARN of an IAM policy of the account, or null."
  }
}

variable "private_subnet_cidr_blocks" {
  description = "IPv4 ranges of the private subnets (applications and databases), in CIDR notation, one for each availability zone and in their order."
  type        = list(string)
  default     = ["10.0.10.0/24", "10.0.11.0/24"]
  nullable    = false

  validation {
    condition     = length(var.private_subnet_cidr_blocks) == length(var.availability_zones)
    error_message = "private_subnet_cidr_blocks has ${length(var.private_subnet_cidr_blocks)} entries for ${length(var.availability_zones)} availability zones; it must have one for each."
  }

  validation {
    condition = alltrue([
      for block in var.private_subnet_cidr_blocks :
      can(regex("^[0-9.]+/(1[6-9]|2[0-8])$", block)) && try(cidrsubnet(block, 0, 0), "") == block
    ])
    error_message = "private_subnet_cidr_blocks is ${jsonencode(var.private_subnet_cidr_blocks)}; each must be an IPv4 network address with a length of /16 to /28, such as 10.0.10.0/24, without bits beyond its length."
  }

  validation {
    condition = alltrue([
      for block in var.private_subnet_cidr_blocks :
      try(
        tonumber(split("/", block)[1]) >= tonumber(split("/", var.cidr_block)[1])
        && cidrhost("${split("/", block)[0]}/${split("/", var.cidr_block)[1]}", 0) == cidrhost(var.cidr_block, 0),
        true # Malformed: the rules on form say so.
      )
    ])
    error_message = "private_subnet_cidr_blocks is ${jsonencode(var.private_subnet_cidr_blocks)}; each must lie inside cidr_block ${var.cidr_block}."
  }

  # Two aligned blocks overlap exactly when they are the same network at the shorter of their two lengths.
  validation {
    condition = alltrue(flatten([
      for i, one in concat(var.public_subnet_cidr_blocks, var.private_subnet_cidr_blocks) : [
        for j, other in concat(var.public_subnet_cidr_blocks, var.private_subnet_cidr_blocks) :
        try(
          cidrhost("${split("/", one)[0]}/${min(split("/", one)[1], split("/", other)[1])}", 0)
          != cidrhost("${split("/", other)[0]}/${min(split("/", one)[1], split("/", other)[1])}", 0),
          true # Malformed: the rules on form say so.
        )
        if i < j
      ]
    ]))
    error_message = "private_subnet_cidr_blocks is ${jsonencode(var.private_subnet_cidr_blocks)} and public_subnet_cidr_blocks is ${jsonencode(var.public_subnet_cidr_blocks)}; subnets must not overlap."
  }
}

variable "private_subnet_ids" {
  description = "Ids of the private subnets of vpc_id (applications and databases), of two availability zones at least; none without vpc_id."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for id in var.private_subnet_ids : can(regex("^subnet-[0-9a-f]+$", id))]) && length(distinct(var.private_subnet_ids)) == length(var.private_subnet_ids)
    error_message = "private_subnet_ids is ${jsonencode(var.private_subnet_ids)}; each must be a subnet's id, such as subnet-0123456789abcdef0, and there once."
  }

  validation {
    condition     = (var.vpc_id == null) == (length(var.private_subnet_ids) == 0)
    error_message = "private_subnet_ids is ${jsonencode(var.private_subnet_ids)}, and vpc_id is ${jsonencode(var.vpc_id)}; a VPC that exists is given with its subnets, and one that is made gets its own."
  }
}

variable "public_subnet_cidr_blocks" {
  description = "IPv4 ranges of the public subnets (load balancers and NAT gateways), in CIDR notation, one for each availability zone and in their order."
  type        = list(string)
  default     = ["10.0.1.0/24", "10.0.2.0/24"]
  nullable    = false

  validation {
    condition     = length(var.public_subnet_cidr_blocks) == length(var.availability_zones)
    error_message = "public_subnet_cidr_blocks has ${length(var.public_subnet_cidr_blocks)} entries for ${length(var.availability_zones)} availability zones; it must have one for each."
  }

  validation {
    condition = alltrue([
      for block in var.public_subnet_cidr_blocks :
      can(regex("^[0-9.]+/(1[6-9]|2[0-8])$", block)) && try(cidrsubnet(block, 0, 0), "") == block
    ])
    error_message = "public_subnet_cidr_blocks is ${jsonencode(var.public_subnet_cidr_blocks)}; each must be an IPv4 network address with a length of /16 to /28, such as 10.0.1.0/24, without bits beyond its length."
  }

  validation {
    condition = alltrue([
      for block in var.public_subnet_cidr_blocks :
      try(
        tonumber(split("/", block)[1]) >= tonumber(split("/", var.cidr_block)[1])
        && cidrhost("${split("/", block)[0]}/${split("/", var.cidr_block)[1]}", 0) == cidrhost(var.cidr_block, 0),
        true # Malformed: the rules on form say so.
      )
    ])
    error_message = "public_subnet_cidr_blocks is ${jsonencode(var.public_subnet_cidr_blocks)}; each must lie inside cidr_block ${var.cidr_block}."
  }
}

variable "public_subnet_ids" {
  description = "Ids of the public subnets of vpc_id (load balancers and applications with public addresses), of two availability zones at least; none without vpc_id."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for id in var.public_subnet_ids : can(regex("^subnet-[0-9a-f]+$", id))]) && length(distinct(var.public_subnet_ids)) == length(var.public_subnet_ids)
    error_message = "public_subnet_ids is ${jsonencode(var.public_subnet_ids)}; each must be a subnet's id, such as subnet-0123456789abcdef0, and there once."
  }

  validation {
    condition     = (var.vpc_id == null) == (length(var.public_subnet_ids) == 0)
    error_message = "public_subnet_ids is ${jsonencode(var.public_subnet_ids)}, and vpc_id is ${jsonencode(var.vpc_id)}; a VPC that exists is given with its subnets, and one that is made gets its own."
  }
}

variable "region" {
  description = "AWS region that holds every resource of this layer."
  type        = string
  default     = "us-east-1"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2,4}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region is \"${var.region}\"; it must be an AWS region's code such as us-east-1."
  }
}

variable "tags" {
  description = "Tags of every resource; Environment and Project are required, ManagedBy is added by the layer."
  type        = map(string)
  nullable    = false

  validation {
    condition     = alltrue([for key in ["Environment", "Project"] : length(trimspace(lookup(var.tags, key, ""))) > 0])
    error_message = "tags must have a value, and not spaces alone, for ${join(" and ", [for key in ["Environment", "Project"] : key if length(trimspace(lookup(var.tags, key, ""))) == 0])}."
  }
}

variable "vpc_id" {
  description = "Id of a VPC that exists, which is used and never changed or destroyed; null makes one."
  type        = string
  default     = null

  validation {
    condition     = var.vpc_id == null || can(regex("^vpc-[0-9a-f]+$", var.vpc_id))
    error_message = "vpc_id is ${jsonencode(var.vpc_id)}; it must be a VPC's id, such as vpc-0123456789abcdef0, or null."
  }
}
