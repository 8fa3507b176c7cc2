"""VPC networks of Compute Engine."""
