output "deployer_role_arn" {
  description = "ARN of the role that deploys and destroys the environment."
  value       = aws_iam_role.this["deploy"].arn
  depends_on  = [aws_iam_role_policy.listeners, aws_iam_role_policy.secrets, aws_iam_role_policy_attachment.this]
}

output "permissions_boundary_arn" {
  description = "ARN of the policy that every role of the environment carries as its permissions boundary."
  value       = aws_iam_policy.boundary.arn
}

output "planner_role_arn" {
  description = "ARN of the role that may only say what a deployment would change."
  value       = aws_iam_role.this["plan"].arn
  depends_on  = [aws_iam_role_policy.secrets, aws_iam_role_policy_attachment.this]
}
