"""What is planned where a configuration says nothing, through the real Terraform: as hashicorp/google 7.45 plans it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from emulator.tests.google_provider.conftest import Terraform

PROVIDER = 'provider "google" {\n  project = "some-project"\n  region = "us-central1"\n  access_token = "x"\n%s}\n'
ACCOUNT = PROVIDER + 'resource "google_service_account" "this" {\n  account_id = "somebody"\n%s}\n'
SERVICE = (
    PROVIDER % ""
    + """
resource "google_cloud_run_v2_service" "this" {
  name                = "hello"
  location            = "us-central1"
  deletion_protection = false
  template {
    containers { image = "us-docker.pkg.dev/cloudrun/container/hello" }
  }
}
"""
)
_NAME = "projects/some-project/locations/us-central1/services/hello"


def write_state(directory: Path, kind: str, attributes: dict[str, Any]) -> None:
    """Have Terraform find one resource in its state."""
    resource = {
        "mode": "managed",
        "type": kind,
        "name": "this",
        "provider": 'provider["registry.terraform.io/hashicorp/google"]',
        "instances": [{"schema_version": 0, "attributes": attributes}],
    }
    state = {"version": 4, "serial": 1, "lineage": "made-by-hand", "resources": [resource]}
    (directory / "terraform.tfstate").write_text(json.dumps(state))


def test_deletion_policy_is_the_resources_the_providers_or_to_delete(terraform: Terraform) -> None:
    for of_provider, of_resource, planned in (
        ("", "", "DELETE"),
        ('deletion_policy = "ABANDON"\n', "", "ABANDON"),
        ('deletion_policy = "ABANDON"\n', 'deletion_policy = "PREVENT"\n', "PREVENT"),
    ):
        result = terraform("plan", ACCOUNT % (of_provider, of_resource), "-input=false")
        assert f'deletion_policy = "{planned}"' in " ".join(result.stdout.split()), result.stdout + result.stderr


def test_resource_that_must_be_kept_is_not_deleted(terraform: Terraform, tmp_path: Path) -> None:
    name = "projects/some-project/serviceAccounts/somebody@some-project.iam.gserviceaccount.com"
    write_state(
        tmp_path, "google_service_account", {"id": name, "account_id": "somebody", "deletion_policy": "PREVENT"}
    )
    result = terraform("destroy", ACCOUNT % ("", ""), "-input=false", "-auto-approve", "-refresh=false")
    assert result.returncode == 1
    assert 'cannot destroy google_service_account without setting deletion_policy="DELETE"' in result.stderr


def test_only_what_the_service_fills_in_stays_where_nothing_is_written(terraform: Terraform, tmp_path: Path) -> None:
    probe = {
        "failure_threshold": 3,
        "period_seconds": 10,
        "timeout_seconds": 1,
        "http_get": [{"path": "/", "port": 80}],
    }
    container = {
        "image": "us-docker.pkg.dev/cloudrun/container/hello",
        "liveness_probe": [probe],
        "ports": [{"container_port": 8080, "name": "http1"}],
        "resources": [{"cpu_idle": True, "limits": {"cpu": "1000m", "memory": "512Mi"}}],
        "startup_probe": [probe],
    }
    attributes = {
        "id": _NAME,
        "name": "hello",
        "location": "us-central1",
        "project": "some-project",
        "deletion_policy": "DELETE",
        "deletion_protection": False,
        "effective_annotations": {},
        "effective_labels": {},
        "terraform_labels": {},
        "scaling": [{"min_instance_count": 3}],
        "template": [{"containers": [container], "scaling": [{"max_instance_count": 20}]}],
        "traffic": [{"percent": 100, "type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"}],
    }
    write_state(tmp_path, "google_cloud_run_v2_service", attributes)
    result = terraform("plan", SERVICE, "-input=false", "-refresh=false")
    assert "0 to add, 1 to change, 0 to destroy" in result.stdout, result.stdout + result.stderr
    changed = [line.strip() for line in result.stdout.splitlines() if line.strip().startswith(("- ", "+ ", "~ "))]
    blocks = [line for line in changed if line.endswith("{") and "resource" not in line]
    assert blocks == ["~ template {", "~ containers {", "- liveness_probe {", "- http_get {"]
