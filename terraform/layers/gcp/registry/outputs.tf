# Below a repository, each image has a name of its own.
output "repository_url" {
  description = "Address to push to and pull from, without a tag."
  value = join("/", [
    var.host == null ? "${var.region}-docker.pkg.dev" : var.host,
    var.project,
    google_artifact_registry_repository.this.repository_id,
    var.name,
  ])
}
