"""A stand-in for the Terraform provider hashicorp/google, for machines that cannot have the real one.

Its schema is that of the real provider, read from the published bindings; its resources are made by the
real REST calls, at whatever endpoint the provider's own settings name.
"""

VERSION = "7.45.0"
