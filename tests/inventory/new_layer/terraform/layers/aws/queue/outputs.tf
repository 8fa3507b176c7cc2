output "address" {
  description = "Address of the queue."
  value       = "queue://${terraform_data.this.output.name}"
}
