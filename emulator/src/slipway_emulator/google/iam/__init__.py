"""IAM, and the tokens of its service accounts."""
