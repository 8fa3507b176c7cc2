"""The inventories for real accounts, planned against nothing: what each layer is given, and that it plans."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from plugins.filter.rds_ca import rds_ca_file
from plugins.plugin_utils.platforms import BOOTSTRAP, read_platforms
from tests.inventory.example import OWN_ACCOUNT, PROJECT, Json, move_host

ENVIRONMENTS = ("staging", "prod")
_ARN = "arn:aws:{}:us-east-1:111122223333:{}"
_SECRETS = {key: _ARN.format("secretsmanager", f"secret:{key}-AbCdEf") for key in ("migrator", "app", "readonly")}
_DIGEST = "sha256:" + "0123456789abcdef" * 4
_REGISTRY = "111122223333.dkr.ecr.us-east-1.amazonaws.com/app"

# Outputs as the layers have them.
NETWORK: Json = {
    "load_balancer": {
        "arn_suffix": "app/main/1",
        "dns_name": "main-1.us-east-1.elb.amazonaws.com",
        "domain_name": "staging.example.com",
        "https_listener_arn": _ARN.format("elasticloadbalancing", "listener/app/main/1/2"),
        "security_group_id": "sg-2",
        "zone_id": "Z1",
        "zone_id_of_dns_name": "Z2",
    },
    "private_subnet_ids": ["subnet-3", "subnet-4"],
    "public_subnet_ids": ["subnet-1", "subnet-2"],
    "vpc_id": "vpc-1",
}
REGISTRY: Json = {"repository_arn": _ARN.format("ecr", "repository/app"), "repository_url": _REGISTRY}
DATA: Json = {
    "app_security_group_id": "sg-1",
    "bucket_arn": "arn:aws:s3:::app-111122223333",
    "bucket_name": "app-111122223333",
    "database_host": "app.example.us-east-1.rds.amazonaws.com",
    "database_instance_identifier": "app",
    "database_name": "app",
    "database_port": 5432,
    "secret_arns": _SECRETS,
}
NETWORK_ON_GOOGLE_CLOUD: Json = {
    "database_zone_name": "main-databases",
    "subnet_id": "projects/example-project/regions/us-central1/subnetworks/main",
    "vpc_id": "projects/example-project/global/networks/main",
}
DATA_ON_GOOGLE_CLOUD: Json = {
    "environment_secrets": {"SECRET_KEY": "projects/example-project/secrets/app_environment_SECRET_KEY/versions/1"}
}
# Of the host's cloud.
_DATA = "{{ render_data_outputs[platform_cloud] }}"
# On Google Cloud, an app without a database is in none.
_NETWORK = "{{ render_network_outputs[platform_cloud] if is_in_network else {} }}"
OUTPUTS: Json = {
    "render_network_outputs": {"aws": NETWORK, "gcp": NETWORK_ON_GOOGLE_CLOUD},
    "network_outputs": _NETWORK,
    "registry_outputs": REGISTRY,
    "render_data_outputs": {"aws": DATA, "gcp": DATA_ON_GOOGLE_CLOUD},
    "data_outputs": _DATA,
    "image_outputs": {"digest": _DIGEST, "reference": f"{_REGISTRY}@{_DIGEST}"},
    "render_upstream_outputs": {
        "network": {},
        "registry": {},
        "data": {"network": _NETWORK, "registry": REGISTRY},
        "service": {"network": _NETWORK, "registry": REGISTRY, "data": _DATA},
    },
}

# Inputs by environment, host, and layer or Terraform root.
Inputs = dict[str, dict[str, dict[str, Json]]]


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    """What the Terraform roots of staging and prod are given, and of each with an app moved to Google Cloud."""
    folder = tmp_path_factory.mktemp("rendered")
    extra = folder / "extra.json"
    terraform = {"terraform_layer_terraform_directory": str(PROJECT / "terraform")}
    program = Path(sys.executable).parent / "ansible-playbook"
    shutil.copytree(PROJECT / "inventories", folder / "inventories", symlinks=True)
    inventories = {environment: PROJECT / "inventories" / environment for environment in ENVIRONMENTS}
    for environment in ENVIRONMENTS:
        inventories[f"{environment}_moved"] = folder / "inventories" / environment
        move_host(inventories[f"{environment}_moved"] / "hosts.yml", "beers", "cloud_run")
    found: Inputs = {}
    for environment, inventory in inventories.items():
        file = folder / f"{environment}.json"
        extra.write_text(json.dumps(OUTPUTS | OWN_ACCOUNT | terraform | {"render_file": str(file)}))
        done = subprocess.run(
            [
                program,
                "tests/playbooks/render_inputs.yml",
                "-i",
                str(inventory),
                "-e",
                f"@{extra}",
            ],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        found[environment] = json.loads(file.read_text())
    return found


@pytest.fixture(scope="module")
def inputs(rendered: Inputs) -> Inputs:
    """The same by layer."""
    return {
        environment: {
            host: {root.partition("/")[2].partition("_")[0]: values for root, values in roots.items()}
            for host, roots in hosts.items()
        }
        for environment, hosts in rendered.items()
    }


def test_every_layer_of_every_host_is_there(inputs: Inputs) -> None:
    everywhere = {
        "main": ["network"],
        "main-gcp": ["network"],
        "tasks": ["data", "registry", "service"],
        "beers": ["data", "registry", "service"],
        "web": ["data", "registry", "service"],
        "hello-gcp": ["data", "registry", "service"],
    }
    for environment in ENVIRONMENTS:
        assert {host: sorted(layers) for host, layers in inputs[environment].items()} == everywhere


def test_prod_is_highly_available(inputs: Inputs) -> None:
    prod = inputs["prod"]
    assert prod["main"]["network"]["nat_gateway_mode"] == "per_availability_zone"
    for app in ("tasks", "beers", "web"):
        data, service = prod[app]["data"], prod[app]["service"]
        assert data["multi_az"]
        assert data["backup_retention_days"] == 7
        assert data["deletion_protection"]
        assert data["final_snapshot_enabled"]
        assert data["secret_recovery_days"] == 30
        assert not data["bucket_force_destroy"]
        assert not prod[app]["registry"]["force_delete"]
        assert service["min_count"] >= 2
        assert service["load_balancer_deletion_protection"]
        assert service["alarm_action_arns"] == ["arn:aws:sns:us-east-1:111122223333:operations"]
        assert service["domain_name"] == f"{app}.example.com"


def test_prod_asks_writers_for_a_key_and_opens_no_shell(inputs: Inputs) -> None:
    prod = inputs["prod"]
    for app in ("tasks", "beers", "web"):
        assert prod[app]["data"]["api_key_required"]
    for app in ("tasks", "beers"):
        assert prod[app]["service"]["container_insights_enabled"]
        assert not prod[app]["service"].get("execute_command_enabled", False)


def test_staging_is_small(inputs: Inputs) -> None:
    staging = inputs["staging"]
    assert staging["main"]["network"]["nat_gateway_mode"] == "none"
    assert staging["main"]["network"]["load_balancer_zone_name"] == "staging.example.com"
    for app in ("tasks", "beers", "web"):
        data = staging[app]["data"]
        assert not data["multi_az"]
        assert data["backup_retention_days"] == 1
        assert not data["deletion_protection"]
        assert not data["final_snapshot_enabled"]
        assert data["secret_recovery_days"] == 0
        service = staging[app]["service"]
        assert service["min_count"] == 1
        assert service["assign_public_ip"]
        assert service["shared_load_balancer"]
        assert service["domain_name"] == f"{app}.staging.example.com"
        assert "zone_name" not in service


def test_what_an_app_is_does_not_depend_on_the_environment(inputs: Inputs) -> None:
    for environment in ENVIRONMENTS:
        tasks = inputs[environment]["tasks"]
        assert tasks["data"]["database_name"] == "taskdb"
        assert tasks["data"]["bucket_enabled"]
        assert tasks["service"]["tags"]["Project"] == "task-management-api"
        assert tasks["service"]["environment_variables"]["APP_FEATURES"] == "tasks"
        # All have a path that has to answer 200; that of the others needs no database.
        services = {app: layers["service"] for app, layers in inputs[environment].items() if "service" in layers}
        paths = {app: service.get("health_check_path") for app, service in services.items()}
        assert paths == dict.fromkeys(services, "/healthz") | {"tasks": "/health"}
        assert inputs[environment]["web"]["data"]["api_key_required"]
        assert inputs[environment]["main"]["network"]["name"] == f"{environment}-main"


def test_app_moves_to_google_cloud_by_its_host_line(inputs: Inputs) -> None:
    for environment in ENVIRONMENTS:
        before, after = (inputs[name]["beers"] for name in (environment, f"{environment}_moved"))
        assert sorted(after) == sorted(before)
        for same in ("backup_retention_days", "database_name", "deletion_protection", "multi_az"):
            assert after["data"][same] == before["data"][same]
        assert after["data"]["database_url_enabled"]
        assert not before["data"].get("database_url_enabled")
        assert after["data"]["network_vpc_id"] == NETWORK_ON_GOOGLE_CLOUD["vpc_id"]
        assert after["service"]["network_subnet_id"] == NETWORK_ON_GOOGLE_CLOUD["subnet_id"]
        assert after["service"]["allow_unauthenticated"]


def test_apps_with_a_database_know_who_signs_its_certificate(inputs: Inputs) -> None:
    authorities = base64.b64encode(Path(rds_ca_file("us-east-1")).read_bytes()).decode()
    for environment in ENVIRONMENTS:
        given = {
            app: layers["service"]["environment_variables"].get("DATABASE_CA_BUNDLE_BASE64")
            for app, layers in inputs[environment].items()
            if "service" in layers
        }
        with_database = ("tasks", "beers", "web")
        assert given == {app: authorities if app in with_database else None for app in given}


@pytest.fixture(scope="module")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the Terraform files, to work in."""
    folder = tmp_path_factory.mktemp("plans") / "terraform"
    shutil.copytree(PROJECT / "terraform", folder, ignore=shutil.ignore_patterns(".terraform", "tests", "README.md"))
    return folder


LAYERS = PROJECT / "terraform/layers"
PLATFORMS = read_platforms(LAYERS)


@pytest.mark.parametrize(
    "root",
    # The bootstrap is no host's: its own tests plan it.
    sorted(
        str(file.parent.relative_to(LAYERS)) for file in LAYERS.glob("*/*/versions.tf") if file.parent.name != BOOTSTRAP
    ),
)
def test_each_layer_plans(root: str, rendered: Inputs, terraform: Path) -> None:
    folder = terraform / "layers" / root
    original = PROJECT / "terraform/layers" / root / f"tests/{folder.name}.tftest.hcl"
    # Stand-ins for the provider and for what it computes, as the layer's own tests have them.
    text = original.read_text().partition("\nvariables {")[0]
    for environment, hosts in rendered.items():
        for host, roots in hosts.items():
            if root not in roots:
                continue
            variables = roots[root]
            text += f'\nrun "{environment}_{host}" {{\n  command = plan\n  variables {{\n'
            text += "".join(f"    {name} = {as_hcl(value)}\n" for name, value in variables.items()) + "  }\n}\n"
    if "command = plan" not in text:
        # Nobody who begins today can have it, or it is plain HTTP, which dev alone has.
        platform = PLATFORMS[folder.name.removeprefix("service_")]
        assert platform.deprecated or "domain_name" in platform.unsupported_variables
        return
    (folder / "tests").mkdir()
    (folder / "tests/inventories.tftest.hcl").write_text(text)
    for arguments in (["init", "-backend=false", "-input=false"], ["test"]):
        done = subprocess.run(
            ["terraform", *arguments, "-no-color"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert f"Success! {text.count('command = plan')} passed, 0 failed." in done.stdout


def as_hcl(value: Any) -> str:
    """A value as an expression of Terraform's."""
    return json.dumps(value).replace("${", "$${").replace("%{", "%%{")
