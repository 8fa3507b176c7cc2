variable "allow_unauthenticated" {
  description = "Whether everybody may send requests; otherwise only who has the role Cloud Run Invoker."
  type        = bool
  default     = false
  nullable    = false
}

variable "container_port" {
  description = "TCP port the application listens on, from 1024 up; handed to it as PORT."
  type        = number
  default     = 8000
  nullable    = false

  validation {
    condition     = var.container_port >= 1024 && var.container_port <= 65535 && floor(var.container_port) == var.container_port
    error_message = "container_port is ${var.container_port}; it must be a whole number from 1024 to 65535, because ports below are root's and the application is not root."
  }
}

variable "cpu_units" {
  description = "CPU of a task in units of 1/1024 vCPU: 1024, 2048 or 4096."
  type        = number
  default     = 1024
  nullable    = false

  # Source: "Configure CPU limits for services". Less than one CPU takes the first generation, and one request at a time.
  validation {
    condition     = contains([1024, 2048, 4096], var.cpu_units)
    error_message = "cpu_units is ${var.cpu_units}; it must be 1024, 2048 or 4096: a task of Cloud Run's second generation has at least one vCPU."
  }
}

variable "data_environment_secrets" {
  description = "Secrets in the application's environment: the name of a variable to the whole name of a version, projects/<project>/secrets/<secret>/versions/<number>."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for version in values(var.data_environment_secrets) :
      can(regex("^projects/${var.project}/secrets/[A-Za-z0-9_-]+/versions/([0-9]+|latest)$", version))
    ])
    error_message = "data_environment_secrets must be whole names of versions in the project ${var.project}; they are: ${join(", ", values(var.data_environment_secrets))}."
  }
}

variable "data_secret_files" {
  description = "Files that the application has of secrets: the path to the whole name of a version, projects/<project>/secrets/<secret>/versions/<number>. Each hides what the image has in its folder."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for version in values(var.data_secret_files) :
      can(regex("^projects/${var.project}/secrets/[A-Za-z0-9_-]+/versions/([0-9]+|latest)$", version))
    ])
    error_message = "data_secret_files must be whole names of versions in the project ${var.project}; they are: ${join(", ", values(var.data_secret_files))}."
  }

  # Source: "Configure secrets for services", disallowed paths and limitations.
  validation {
    condition = (
      alltrue([for path in keys(var.data_secret_files) : can(regex("^(/[A-Za-z0-9._-]+){2,}$", path)) && !can(regex("^/(dev|proc|sys)/", path))])
      && length(distinct([for path in keys(var.data_secret_files) : dirname(path)])) == length(var.data_secret_files)
    )
    error_message = "data_secret_files has the paths ${join(", ", keys(var.data_secret_files))}; each must be absolute and in a folder of its own, which is not in /dev, /proc or /sys."
  }
}

variable "deletion_protection" {
  description = "Whether Terraform refuses to delete the service."
  type        = bool
  default     = false
  nullable    = false
}

variable "environment_variables" {
  description = "Environment of the application, nothing secret in it. IMAGE_DIGEST is set by the layer and overrides it; PORT is set by Cloud Run and must not be in it."
  type        = map(string)
  default     = {}
  nullable    = false

  # Whoever may look at the service reads its environment, and every revision keeps it.
  validation {
    condition = alltrue([
      for key, value in var.environment_variables :
      !can(regex("(?i)(PASSWORD|PASSWD|SECRET|SECRET_KEY|TOKEN|API_KEY|PRIVATE_KEY)$", key)) && !can(regex("://[^/@]*:[^/@]+@", value))
    ])
    error_message = "environment_variables holds ${join(", ", [
      for key, value in var.environment_variables : key
      if can(regex("(?i)(PASSWORD|PASSWD|SECRET|SECRET_KEY|TOKEN|API_KEY|PRIVATE_KEY)$", key)) || can(regex("://[^/@]*:[^/@]+@", value))
    ])}, which looks like a secret (a name that ends like one, or a URL with a password). Put it into Secret Manager, and the secret's name into app_secrets."
  }

  validation {
    condition     = alltrue([for key in keys(var.environment_variables) : can(regex("^[A-Za-z_][A-Za-z0-9_]*$", key))])
    error_message = "environment_variables holds ${join(", ", [for key in keys(var.environment_variables) : jsonencode(key) if !can(regex("^[A-Za-z_][A-Za-z0-9_]*$", key))])}; a name must be letters, digits and underscores, and begin with no digit."
  }

  # Source: "Configure environment variables for services", reserved names.
  validation {
    condition     = alltrue([for key in keys(var.environment_variables) : !can(regex("^(PORT|K_SERVICE|K_REVISION|K_CONFIGURATION|X_GOOGLE_.*)$", key))])
    error_message = "environment_variables holds ${join(", ", [for key in keys(var.environment_variables) : key if can(regex("^(PORT|K_SERVICE|K_REVISION|K_CONFIGURATION|X_GOOGLE_.*)$", key))])}; it must be another name: Cloud Run sets PORT, K_SERVICE, K_REVISION, K_CONFIGURATION and those that begin with X_GOOGLE_ itself."
  }

  validation {
    condition     = length(setsubtract(keys(var.environment_variables), ["IMAGE_DIGEST"])) <= 999
    error_message = "environment_variables holds ${length(var.environment_variables)} variables; Cloud Run takes 1000 at most, with IMAGE_DIGEST, which the layer sets."
  }
}

variable "health_check_path" {
  description = "Path that answers 200 to 399 as long as a task is alive; Cloud Run sends a new task no requests before, and replaces one that no longer does. null only waits until a new task's port accepts a connection."
  type        = string
  default     = null

  validation {
    condition     = var.health_check_path == null || can(regex("^/[^ ?#]*$", var.health_check_path))
    error_message = "health_check_path is ${jsonencode(var.health_check_path)}; it must begin with / and have no query, or be null."
  }
}

variable "image" {
  description = "Image by digest: <repository>@sha256:<64 hexadecimal digits>."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[^@ ]+@sha256:[0-9a-f]{64}$", var.image))
    error_message = "image is \"${var.image}\"; it must name a digest, <repository>@sha256:<64 hexadecimal digits>, so that what runs is exactly what was pushed."
  }
}

variable "ingress" {
  description = "From where requests are let in: INGRESS_TRAFFIC_ALL, INGRESS_TRAFFIC_INTERNAL_ONLY or INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER."
  type        = string
  default     = "INGRESS_TRAFFIC_ALL"
  nullable    = false

  validation {
    condition = contains([
      "INGRESS_TRAFFIC_ALL", "INGRESS_TRAFFIC_INTERNAL_ONLY", "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER",
    ], var.ingress)
    error_message = "ingress is \"${var.ingress}\"; it must be INGRESS_TRAFFIC_ALL, INGRESS_TRAFFIC_INTERNAL_ONLY (from the project's own networks) or INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER (from those and from load balancers)."
  }
}

variable "max_concurrent_requests" {
  description = "Requests that one task works on at a time; auto-scaling starts another for what is beyond."
  type        = number
  default     = 80
  nullable    = false

  validation {
    condition     = var.max_concurrent_requests >= 1 && var.max_concurrent_requests <= 1000 && floor(var.max_concurrent_requests) == var.max_concurrent_requests
    error_message = "max_concurrent_requests is ${var.max_concurrent_requests}; Cloud Run takes whole numbers from 1 to 1000."
  }
}

variable "max_count" {
  description = "Largest number of tasks that auto-scaling runs."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.max_count >= max(1, var.min_count) && floor(var.max_count) == var.max_count
    error_message = "max_count is ${var.max_count}; it must be a whole number of at least 1 and at least min_count (${var.min_count})."
  }
}

variable "memory_mib" {
  description = "Memory of a task in MiB; which sizes there are depends on cpu_units."
  type        = number
  default     = 512
  nullable    = false

  # Source: "Configure memory limits for services" and "Configure CPU limits for services".
  validation {
    condition = (
      var.memory_mib >= (var.cpu_units == 4096 ? 2048 : 512)
      && var.memory_mib <= 4 * var.cpu_units
      && floor(var.memory_mib) == var.memory_mib
    )
    error_message = "memory_mib is ${var.memory_mib} with cpu_units ${var.cpu_units}; Cloud Run takes whole numbers: with 1024 from 512 to 4096, with 2048 from 512 to 8192, with 4096 from 2048 to 16384."
  }
}

variable "min_count" {
  description = "Smallest number of tasks, which Cloud Run keeps ready; they run only while there are requests. With 0, the first request after a pause waits for a task to start."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = var.min_count >= 0 && floor(var.min_count) == var.min_count
    error_message = "min_count is ${var.min_count}; it must be a whole number of at least 0."
  }
}

variable "name" {
  description = "Prefix of every resource's name: <environment>-<app>."
  type        = string
  nullable    = false

  validation {
    condition = (
      length(var.name) >= 6
      && length(var.name) <= 28
      && can(regex("^[a-z][a-z0-9-]*[a-z0-9]$", var.name))
      && !strcontains(var.name, "--")
    )
    error_message = "name is \"${var.name}\" and has ${length(var.name)} characters; it must have 6 to 28 (a service account's id has at least 6): lower-case letters, digits and single hyphens, first a letter, last no hyphen."
  }
}

variable "network_subnet_id" {
  description = "Id of the subnet that the application takes addresses of to reach its database, projects/<project>/regions/<region>/subnetworks/<name>; null for an application in no network."
  type        = string
  default     = null

  validation {
    condition     = var.network_subnet_id == null || can(regex("^projects/[^/]+/regions/${var.region}/subnetworks/[^/]+$", var.network_subnet_id))
    error_message = "network_subnet_id is ${jsonencode(var.network_subnet_id)}; it must be the id of a subnet in ${var.region}, projects/<project>/regions/<region>/subnetworks/<name>."
  }
}

variable "network_vpc_id" {
  description = "Id of the VPC that the subnet is in, projects/<project>/global/networks/<name>; null for an application in no network."
  type        = string
  default     = null

  validation {
    condition     = (var.network_vpc_id == null) == (var.network_subnet_id == null)
    error_message = "network_vpc_id is ${jsonencode(var.network_vpc_id)}, and network_subnet_id is ${jsonencode(var.network_subnet_id)}; both must be given, or none."
  }
}

variable "processes" {
  description = "Processes beside the web server, by name: each runs another command of the same image, in a worker pool of its own that nobody sends requests to. min_count (1) instances run, with CPU all the time. Cloud Run scales no worker pool, so max_count is the same where it is set. cpu_units and memory_mib are the web server's where they are not set."
  type = map(object({
    command    = list(string)
    cpu_units  = optional(number)
    max_count  = optional(number)
    memory_mib = optional(number)
    min_count  = optional(number, 1)
  }))
  default  = {}
  nullable = false

  # Names in Google Cloud end with it.
  validation {
    condition     = alltrue([for name in keys(var.processes) : can(regex("^[a-z]([a-z0-9-]{0,28}[a-z0-9])?$", name)) && name != "web"])
    error_message = "processes holds ${join(", ", [for name in keys(var.processes) : jsonencode(name) if !can(regex("^[a-z]([a-z0-9-]{0,28}[a-z0-9])?$", name)) || name == "web"])}; a name must have 1 to 30 lower-case letters, digits and hyphens, first a letter, last no hyphen. web stands for the web server, which runs the image's own command."
  }

  validation {
    condition     = alltrue([for name in keys(var.processes) : length("${var.name}--${name}") <= 49])
    error_message = "processes holds ${join(", ", [for name in keys(var.processes) : name if length("${var.name}--${name}") > 49])}; a name must be shorter: ${var.name}--<process> names a worker pool, which Cloud Run lets have 49 characters."
  }

  validation {
    condition     = alltrue([for process in values(var.processes) : try(length(trimspace(process.command[0])) > 0, false)])
    error_message = "processes holds ${join(", ", [for name, process in var.processes : "${name} with the command ${jsonencode(process.command)}" if !try(length(trimspace(process.command[0])) > 0, false)])}; it must be the words of a command, such as [celery, -A, shop, worker]."
  }

  # "Manual scaling for worker pools": there is no other.
  validation {
    condition = alltrue([
      for process in values(var.processes) :
      process.min_count >= 1 && floor(process.min_count) == process.min_count && coalesce(process.max_count, process.min_count) == process.min_count
    ])
    error_message = "processes must have whole numbers of instances, \"min_count\" at least 1, and no other \"max_count\", because Cloud Run runs as many instances of a worker pool as it is told and scales none; they are: ${join(", ", [for name, process in var.processes : "${name} ${process.min_count} to ${coalesce(process.max_count, process.min_count)}"])}."
  }

  # As for the web server, see memory_mib.
  validation {
    condition = alltrue([
      for process in values(var.processes) : (process.cpu_units == null && process.memory_mib == null) || (
        contains([1024, 2048, 4096], coalesce(process.cpu_units, var.cpu_units))
        && coalesce(process.memory_mib, var.memory_mib) >= (coalesce(process.cpu_units, var.cpu_units) == 4096 ? 2048 : 512)
        && coalesce(process.memory_mib, var.memory_mib) <= 4 * coalesce(process.cpu_units, var.cpu_units)
        && floor(coalesce(process.memory_mib, var.memory_mib)) == coalesce(process.memory_mib, var.memory_mib)
      )
    ])
    error_message = "processes must have sizes that Cloud Run has: 1024 CPU units with 512 to 4096 MiB, 2048 with 512 to 8192, 4096 with 2048 to 16384; they are: ${join(", ", [for name, process in var.processes : "${name} ${coalesce(process.cpu_units, var.cpu_units)} with ${coalesce(process.memory_mib, var.memory_mib)}"])}."
  }
}

variable "project" {
  description = "Id of the Google Cloud project that holds every resource of this layer."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project is \"${var.project}\"; it must be a project's id, neither its name nor its number: 6 to 30 lower-case letters, digits and hyphens, first a letter, last no hyphen."
  }
}

variable "readable_secret_names" {
  description = "Names of secrets that the application reads while it runs, projects/<project>/secrets/<secret>."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for name in var.readable_secret_names : can(regex("^projects/${var.project}/secrets/[A-Za-z0-9_-]+$", name))])
    error_message = "readable_secret_names must be whole names of secrets in the project ${var.project}; they are: ${join(", ", var.readable_secret_names)}."
  }
}

variable "region" {
  description = "Google Cloud region that holds every resource of this layer."
  type        = string
  default     = "us-central1"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region is \"${var.region}\"; it must be a Google Cloud region such as us-central1."
  }
}

variable "schedules" {
  description = "Commands that run at certain times, by name: each in a job of its own, from the same image as the web server, but without PORT. schedule is cron(<minutes> <hours> <day of month> <month> <day of week> *) or rate(<number> <unit>), as EventBridge Scheduler has them, in the time zone timezone. cpu_units and memory_mib are the web server's where they are not set."
  type = map(object({
    command    = list(string)
    cpu_units  = optional(number)
    memory_mib = optional(number)
    schedule   = string
    timezone   = optional(string, "UTC")
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for name in keys(var.schedules) : can(regex("^[a-z]([a-z0-9-]{0,28}[a-z0-9])?$", name)) && name != "web"])
    error_message = "schedules holds ${join(", ", [for name in keys(var.schedules) : jsonencode(name) if !can(regex("^[a-z]([a-z0-9-]{0,28}[a-z0-9])?$", name)) || name == "web"])}; a name must have 1 to 30 lower-case letters, digits and hyphens, first a letter, last no hyphen. web stands for the web server."
  }

  validation {
    condition     = alltrue([for name in keys(var.schedules) : length("${var.name}--${name}") <= 49])
    error_message = "schedules holds ${join(", ", [for name in keys(var.schedules) : name if length("${var.name}--${name}") > 49])}; a name must be shorter: ${var.name}--<schedule> names a job, which may have 49 characters."
  }

  validation {
    condition     = length(var.schedules) == 0 || length(var.name) <= 24
    error_message = "schedules run as the service account ${var.name}--cron, whose id may have 30 characters; <environment>-<app> must have at most 24 of them, and has ${length(var.name)}."
  }

  # Both are what the contract calls names of commands, and those of a platform where they are one kind of name.
  validation {
    condition     = length(setintersection(keys(var.schedules), keys(var.processes))) == 0
    error_message = "schedules holds ${join(", ", setintersection(keys(var.schedules), keys(var.processes)))}, and \"processes\" too; a name must be one of them."
  }

  validation {
    condition     = alltrue([for schedule in values(var.schedules) : try(length(trimspace(schedule.command[0])) > 0, false)])
    error_message = "schedules holds ${join(", ", [for name, schedule in var.schedules : "${name} with the command ${jsonencode(schedule.command)}" if !try(length(trimspace(schedule.command[0])) > 0, false)])}; it must be the words of a command, such as [flask, cleanup]."
  }

  # What of "Schedule types in EventBridge Scheduler" crontab can say. ~ stands for a number of each field.
  validation {
    condition = alltrue([
      for schedule in values(var.schedules) : try(
        length(split(" ", regex("^cron\\((.*) [*]\\)$", schedule.schedule)[0])) == 5
        && (split(" ", regex("^cron\\((.*) [*]\\)$", schedule.schedule)[0])[2] == "?") != (split(" ", regex("^cron\\((.*) [*]\\)$", schedule.schedule)[0])[4] == "?")
        && alltrue([
          for index, field in split(" ", regex("^cron\\((.*) [*]\\)$", schedule.schedule)[0]) : can(regex(
            replace(
              format("(?i)^([*](/[1-9][0-9]*)?|~(-~)?(/[1-9][0-9]*)?(,~(-~)?(/[1-9][0-9]*)?)*%s)$", ["", "", "|[?]", "", "|[?]"][index]),
              "~",
              [
                "[0-5]?[0-9]",
                "([01]?[0-9]|2[0-3])",
                "(0?[1-9]|[12][0-9]|3[01])",
                "(0?[1-9]|1[0-2]|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)",
                "([1-7]|SUN|MON|TUE|WED|THU|FRI|SAT)",
              ][index],
            ),
            field,
          ))
        ])
        # A range that goes on at the beginning, such as FRI-MON.
        && alltrue([
          for ends in regexall("(\\w+)-(\\w+)", upper(schedule.schedule)) :
          alltrue([
            for names in [
              ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
              ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
            ] : try(index(names, ends[0]) <= index(names, ends[1]), true)
          ])
          && try(tonumber(ends[0]) <= tonumber(ends[1]), can(regex("^[A-Z]", ends[0])) && can(regex("^[A-Z]", ends[1])))
        ]),
        false,
        ) || try(
        contains(
          [1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60, 120, 180, 240, 360, 480, 720, 1440],
          tonumber(regex("^rate\\(([1-9][0-9]*) (?:minute|hour|day)s?\\)$", schedule.schedule)[0])
          * { minute = 1, hour = 60, day = 1440 }[regex(" (minute|hour|day)s?\\)$", schedule.schedule)[0]],
        ),
        false,
      )
    ])
    error_message = "schedules must be times that Cloud Scheduler has: cron(<minutes> <hours> <day of month> <month> <day of week> *) with ? for one of the two days and without L, W and #, such as cron(0 3 * * ? *) for every day at three, or a rate that divides the hour or the day, such as rate(15 minutes); they are: ${join(", ", [for name, schedule in var.schedules : "${name} ${schedule.schedule}"])}."
  }

  validation {
    condition     = alltrue([for schedule in values(var.schedules) : can(regex("^(UTC|[A-Z][A-Za-z]+(/[A-Z][A-Za-z0-9_+-]*){1,2})$", schedule.timezone))])
    error_message = "schedules must have a \"timezone\" of the IANA database, such as Europe/Berlin, or UTC; they are: ${join(", ", [for name, schedule in var.schedules : "${name} ${schedule.timezone}"])}."
  }

  # As for the web server, see memory_mib.
  validation {
    condition = alltrue([
      for schedule in values(var.schedules) : (schedule.cpu_units == null && schedule.memory_mib == null) || (
        contains([1024, 2048, 4096], coalesce(schedule.cpu_units, var.cpu_units))
        && coalesce(schedule.memory_mib, var.memory_mib) >= (coalesce(schedule.cpu_units, var.cpu_units) == 4096 ? 2048 : 512)
        && coalesce(schedule.memory_mib, var.memory_mib) <= 4 * coalesce(schedule.cpu_units, var.cpu_units)
        && floor(coalesce(schedule.memory_mib, var.memory_mib)) == coalesce(schedule.memory_mib, var.memory_mib)
      )
    ])
    error_message = "schedules must have sizes that Cloud Run has: 1024 CPU units with 512 to 4096 MiB, 2048 with 512 to 8192, 4096 with 2048 to 16384; they are: ${join(", ", [for name, schedule in var.schedules : "${name} ${coalesce(schedule.cpu_units, var.cpu_units)} with ${coalesce(schedule.memory_mib, var.memory_mib)}"])}."
  }
}

variable "start_period_seconds" {
  description = "Seconds that the application may take to start."
  type        = number
  default     = 60
  nullable    = false

  # Source: "Configure container health checks for services", requirements of startup probes.
  validation {
    condition     = var.start_period_seconds >= 1 && var.start_period_seconds <= 240 && floor(var.start_period_seconds) == var.start_period_seconds
    error_message = "start_period_seconds is ${var.start_period_seconds}; it must be a whole number from 1 to 240, which is what Cloud Run allows."
  }
}

variable "tags" {
  description = "Tags of every resource, made into labels; Environment and Project are required, managedby is added by the layer."
  type        = map(string)
  nullable    = false

  validation {
    condition     = alltrue([for key in ["Environment", "Project"] : length(trimspace(lookup(var.tags, key, ""))) > 0])
    error_message = "tags must have a value, and not spaces alone, for ${join(" and ", [for key in ["Environment", "Project"] : key if length(trimspace(lookup(var.tags, key, ""))) == 0])}."
  }

  validation {
    condition = alltrue([
      for key, value in var.tags : can(regex("^[A-Za-z]", key)) && length(key) <= 63 && length(value) <= 63
    ])
    error_message = "tags become labels, whose keys begin with a letter from A to Z, and whose keys and values have at most 63 characters; it must be so for ${join(", ", [
      for key, value in var.tags : key if !can(regex("^[A-Za-z]", key)) || length(key) > 63 || length(value) > 63
    ])}."
  }

  validation {
    condition     = length(distinct([for key in keys(var.tags) : replace(lower(key), "/[^a-z0-9_-]/", "-")])) == length(var.tags)
    error_message = "tags become labels, whose keys have no capitals and only _ and - besides letters and digits; two of these become the same one: ${join(", ", keys(var.tags))}."
  }
}
