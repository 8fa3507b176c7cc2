"""AWS App Runner."""
