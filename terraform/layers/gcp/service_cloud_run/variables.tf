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

variable "project" {
  description = "Id of the Google Cloud project that holds every resource of this layer."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project is \"${var.project}\"; it must be a project's id, neither its name nor its number: 6 to 30 lower-case letters, digits and hyphens, first a letter, last no hyphen."
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
