"""Mistakes in a configuration, through the real Terraform: each fails as it would with the real provider."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from emulator.tests.google_provider.conftest import Terraform, said

SERVICE = """
provider "google" {
  project      = "some-project"
  region       = "us-central1"
  access_token = "none is needed to plan"
}
resource "google_cloud_run_v2_service" "this" {
  name     = "hello"
  location = "us-central1"
  template {
    containers {
      image = "us-docker.pkg.dev/cloudrun/container/hello"
      startup_probe {
        http_get { path = "/healthz" }
      }
    }
  }
}
"""


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        # Unknown: an argument, one in a block four levels down, a block, a resource, a data source.
        ('name     = "hello"', 'name = "hello"\n  nam = "x"', 'An argument named "nam" is not expected here.'),
        ('{ path = "/healthz" }', '{ url = "/healthz" }', 'An argument named "url" is not expected here.'),
        ("startup_probe {", "readyness_probe {", 'Blocks of type "readyness_probe" are not expected here.'),
        ('resource "google_cloud_run_v2_service"', 'resource "google_cloud_run_v3_service"',
         'does not support resource type "google_cloud_run_v3_service"'),
        ('resource "google_cloud_run_v2_service"',
         'data "google_cloud_runs" "x" {}\nresource "google_cloud_run_v2_service"',
         'does not support data source "google_cloud_runs"'),
        # Missing: an argument, one in a block, a block.
        ('location = "us-central1"', "", 'The argument "location" is required, but no definition was found.'),
        ('image = "us-docker.pkg.dev/cloudrun/container/hello"', "", 'The argument "image" is required'),
        # Of the wrong type.
        ('name     = "hello"', "name = [1]", 'Inappropriate value for attribute "name": string required.'),
        ('location = "us-central1"', 'location = "us-central1"\n  deletion_protection = "maybe"',
         'Inappropriate value for attribute "deletion_protection": a bool is required.'),
        ("startup_probe {", 'startup_probe {\n        period_seconds = "often"',
         'Inappropriate value for attribute "period_seconds": a number is required.'),
        ("template {", 'labels = "x"\n  template {',
         'Inappropriate value for attribute "labels": map of string required.'),
        # Too many of one block.
        ("template {", "template {}\n  template {", 'No more than 1 "template" blocks are allowed'),
        # Set by the service alone.
        ('name     = "hello"', 'name = "hello"\n  uri = "https://mine"', 'Can\'t configure a value for "uri"'),
        # Not one of the values.
        ('location = "us-central1"', 'location = "us-central1"\n  ingress = "ALL"',
         'expected ingress to be one of ["INGRESS_TRAFFIC_ALL", "INGRESS_TRAFFIC_INTERNAL_ONLY"'),
        ("template {", 'template {\n    execution_environment = "GEN2"',
         "expected template.0.execution_environment to be one of"),
        # In the provider block.
        ('region       = "us-central1"', 'region = "us-central1"\n  endpoint = "x"',
         'An argument named "endpoint" is not expected here.'),
        ('region       = "us-central1"', 'region = ["us-central1"]', 'Inappropriate value for attribute "region"'),
        ('region       = "us-central1"', 'cloud_run_v2_custom_endpoint = "http://localhost"',
         "cloud_run_v2_custom_endpoint is"),
        ('access_token = "none is needed to plan"', 'access_token = "a"\n  credentials = "b"',
         '"credentials": conflicts with access_token'),
        ('access_token = "none is needed to plan"', 'credentials = "/no/such/file"', "The credentials cannot be used"),
    ],
)  # fmt: skip
def test_mistake_in_a_service(terraform: Terraform, before: str, after: str, problem: str) -> None:
    assert before in SERVICE
    result = terraform("plan", SERVICE.replace(before, after, 1), "-input=false")
    assert result.returncode == 1, result.stdout
    assert problem in said(result)


def test_without_mistakes_it_is_planned(terraform: Terraform) -> None:
    result = terraform("plan", SERVICE, "-input=false")
    assert result.returncode == 0, result.stderr
    assert "Plan: 1 to add, 0 to change, 0 to destroy." in result.stdout
    # The provider's own defaults, and its label.
    assert "+ deletion_protection = true" in " ".join(result.stdout.split())
    assert '"goog-terraform-provisioned" = "true"' in result.stdout


REPOSITORY = """
resource "google_artifact_registry_repository" "this" {
  repository_id = "images"
  format        = "DOCKER"
  %s
}
"""


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ('remote_repository_config {\n docker_repository {}\n }\n virtual_repository_config {}',
         '"remote_repository_config": conflicts with virtual_repository_config'),
        ('remote_repository_config {\n docker_repository {}\n npm_repository {}\n }',
         "but `docker_repository,npm_repository` were specified."),
        ("remote_repository_config {}", "but none were specified."),
        ('cleanup_policies {\n action = "DELETE"\n }', 'The argument "id" is required'),
        ('cleanup_policies {\n id = "a"\n action = "ARCHIVE"\n }', "to be one of"),
        ('mode = "LOCAL"', "expected mode to be one of"),
    ],
)  # fmt: skip
def test_mistake_in_a_repository(terraform: Terraform, arguments: str, problem: str) -> None:
    result = terraform("validate", REPOSITORY % arguments)
    assert result.returncode == 1, result.stdout
    assert problem in said(result)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('resource "google_service_account" "x" {\n account_id = "Me"\n}', "doesn't match regexp"),
        ('resource "google_service_account" "x" {\n account_id = "somebody"\n description = "%s"\n}' % ("x" * 257),
         "expected length of description to be in the range (0 - 256)"),
        ('resource "google_project_service" "x" {\n service = "run"\n}',
         "expected run to be a domain like serviceusage.googleapis.com"),
        ('resource "google_cloud_run_v2_service_iam_member" "x" {\n name = "x"\n role = "roles/run.invoker"\n'
         ' member = "me"\n}', 'invalid value "me" for member'),
        ('resource "google_iam_workload_identity_pool" "x" {\n workload_identity_pool_id = "gcp-x"\n}',
         'can not start with "gcp-"'),
        ('resource "google_iam_workload_identity_pool" "x" {\n workload_identity_pool_id = "Ab"\n}',
         "cannot be smaller than 4 characters"),
        ('resource "google_iam_workload_identity_pool_provider" "x" {\n workload_identity_pool_id = "pool"\n'
         ' workload_identity_pool_provider_id = "provider"\n}', "Invalid combination of arguments"),
        ('resource "google_project_iam_custom_role" "x" {\n role_id = "a-b"\n title = "x"\n permissions = ["a.b.c"]\n}',
         "doesn't match regexp"),
        ('resource "google_project_iam_custom_role" "x" {\n role_id = "a_b"\n title = "x"\n permissions = ["a.b.c"]\n'
         ' stage = "OLD"\n}', "expected stage to be one of"),
        ('resource "google_project_iam_member" "x" {\n role = "roles/run.invoker"\n member = "user:me@example.org"\n}',
         'The argument "project" is required'),
        ('resource "google_service_account_iam_member" "x" {\n service_account_id = "me"\n role = "roles/x"\n'
         ' member = "user:me@example.org"\n}', "doesn't match regexp"),
        # Of a resource that the stand-in does not make.
        ('resource "google_bigtable_gc_policy" "x" {\n instance_name = "a"\n table = "b"\n column_family = "c"\n'
         ' gc_rules = "{}"\n mode = "UNION"\n}', '"gc_rules": conflicts with mode'),
        ('data "google_project" "x" {\n number = 1\n}', 'Can\'t configure a value for "number"'),
    ],
)  # fmt: skip
def test_mistake_elsewhere(terraform: Terraform, text: str, problem: str) -> None:
    result = terraform("validate", text)
    assert result.returncode == 1, result.stdout
    assert problem in said(result)


OTHER = """
provider "google" {
  project      = "some-project"
  access_token = "x"
}
resource "google_pubsub_topic" "this" {
  name = "topic"
}
"""


def test_what_is_not_made_is_planned_and_refused_at_apply(terraform: Terraform) -> None:
    planned = terraform("plan", OTHER, "-input=false")
    assert "Plan: 1 to add" in planned.stdout
    applied = terraform("apply", OTHER, "-input=false", "-auto-approve")
    assert applied.returncode == 1
    assert "The stand-in for the google provider does not make google_pubsub_topic." in said(applied)


def test_data_sources_are_not_read(terraform: Terraform) -> None:
    text = 'provider "google" {\n access_token = "x"\n}\ndata "google_project" "this" {\n project_id = "x"\n}\n'
    result = terraform("plan", text, "-input=false")
    assert result.returncode == 1
    assert "does not read google_project" in said(result)


def test_without_credentials_nothing_is_planned(terraform: Terraform) -> None:
    text = OTHER.replace('access_token = "x"', "")
    result = terraform("plan", text, "-input=false", HOME="/nonexistent", NO_GCE_CHECK="true")
    assert result.returncode == 1
    assert "No credentials loaded" in said(result)


def test_started_by_hand_it_says_what_it_is(stand_in: Path) -> None:
    program = next((stand_in / "mirror").rglob("terraform-provider-google_v*"))
    result = subprocess.run([program], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (
        1,
        "this is a plugin: Terraform starts it, by itself it does nothing\n",
    )


SECRET_VERSION = """
provider "google" {
  project      = "some-project"
  access_token = "none is needed to plan"
}
resource "google_secret_manager_secret_version" "this" {
  secret = "some-secret"
%s}
"""


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ("", "one of `secret_data,secret_data_wo` must be specified"),
        ('  secret_data_wo = "x"\n', "all of `secret_data_wo,secret_data_wo_version` must be specified"),
        ('  secret_data = "x"\n  secret_data_wo = "y"\n  secret_data_wo_version = 1\n',
         "only one of `secret_data,secret_data_wo` can be specified"),
    ],
)  # fmt: skip
def test_value_of_a_secret_is_given_in_one_way(terraform: Terraform, arguments: str, problem: str) -> None:
    assert problem in said(terraform("validate", SECRET_VERSION % arguments))
