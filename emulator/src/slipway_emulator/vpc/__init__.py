"""Amazon VPC: who reaches whom, by security groups and routes."""
