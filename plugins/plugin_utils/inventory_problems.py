# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Everything that is wrong with an inventory, before anything is touched.

Rules on inputs of layers stand in their `variables.tf`, and Terraform evaluates them. Here is what no root module can
know by itself.
"""

from __future__ import annotations

import ipaddress
import itertools
import json
import re
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.slipway.provision.plugins.filter.environment import environment_strings
from ansible_collections.slipway.provision.plugins.filter.extensions import extension_names_problem
from ansible_collections.slipway.provision.plugins.filter.rds_ca import ca_file_problem, rds_ca_file
from ansible_collections.slipway.provision.plugins.filter.terraform import did_you_mean
from ansible_collections.slipway.provision.plugins.plugin_utils import python_project
from ansible_collections.slipway.provision.plugins.plugin_utils.image_source import SourceError, image_source
from ansible_collections.slipway.provision.plugins.plugin_utils.inventory import (
    LAYERS,
    Host,
    Problems,
    Project,
    short_path,
    written_as,
)
from ansible_collections.slipway.provision.plugins.plugin_utils.platforms import BOOTSTRAP, LAYERS_OF_NO_APP, Platform
from ansible_collections.slipway.provision.plugins.plugin_utils.terraform_files import COMMON, declared_variables
from ansible_collections.slipway.provision.plugins.plugin_utils.terraform_rules import (
    UNKNOWN,
    Call,
    Finding,
    Unknown,
    broken_rules,
)
from jinja2.exceptions import TemplateError

Json = dict[str, Any]
Evaluate = Callable[[Sequence[Call]], list[Finding]]

_KINDS = ("apps", "networks")

# Roles that have something to do only where an app has the layer data, and the variables that ask for that.
_ASKING_FOR_DATA = ("data_database_name", "data_bucket_enabled", "data_bucket_name", "data_api_key_required")

# Inputs of the layer data that are about an instance which it makes.
_OF_AN_INSTANCE = {
    *("allocated_storage_gb", "backup_retention_days", "database_log_export_enabled", "deletion_protection"),
    *("engine_version", "enhanced_monitoring_interval_seconds", "final_snapshot_enabled", "instance_class"),
    *("master_username", "max_allocated_storage_gb", "multi_az", "performance_insights_enabled", "tier"),
}

# And a bucket.
_OF_A_BUCKET = {"archive_expiration_days", "bucket_force_destroy", "noncurrent_version_expiration_days"}

# Inputs of the layer data that do nothing until another one asks for what they are about, by that one.
OF_WHAT_IS_ASKED_FOR = {
    "data_database_name": (
        "a database",
        _OF_AN_INSTANCE | {"database_instance_identifier", "database_master_secret_arn"},
    ),
    "data_bucket_enabled": ("a bucket", _OF_A_BUCKET),
}

# Inputs of layers that are about what they make, by the one that names what exists in its place.
OF_WHAT_IS_MADE = {
    "data_bucket_name": ("a bucket", _OF_A_BUCKET),
    "data_database_instance_identifier": ("an instance", _OF_AN_INSTANCE),
    "network_vpc_id": (
        "a VPC",
        {
            *("availability_zones", "cidr_block", "flow_log_retention_days", "flow_log_traffic_type"),
            *("nat_gateway_mode", "private_subnet_cidr_blocks", "public_subnet_cidr_blocks"),
        },
    ),
    "network_load_balancer_https_listener_arn": (
        "a load balancer",
        {
            *("alarm_action_arns", "load_balancer_certificate_arn", "load_balancer_deletion_protection"),
            *("load_balancer_idle_timeout_seconds", "load_balancer_ssl_policy"),
        },
    ),
}

_ENVIRONMENT_FILE = "group_vars/all/environment.yml"
_IN_THE_COMMAND = "Correct what -e gives"
_ACCOUNT_FILE = "group_vars/all/account.yml"
# What the name of a bucket has to look like, by cloud; no layer is told it.
_BUCKET_NAMES = {
    # "General purpose bucket naming rules" in the Amazon S3 User Guide.
    "aws": (
        re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"),
        "a bucket's name: 3 to 63 lower-case letters, digits, dots and hyphens",
    ),
    # "Bucket naming guidelines" in the documentation of Cloud Storage; one with dots has to be a domain of one's own.
    "gcp": (
        re.compile(r"(?!goog|.*google)[a-z0-9][a-z0-9_-]{1,61}[a-z0-9]"),
        "a bucket's name: 3 to 63 lower-case letters, digits, hyphens and underscores, without google and not with "
        "goog at its beginning",
    ),
}
# Inventory variables that are inputs of layers by another name than the layer's prefix gives.
_INVENTORY_NAMES = {
    "account_id": "slipway_account_id",
    "database_url_enabled": "app_database_url",
    "environment_variables": "app_environment_variables",
    "project": "slipway_google_project",
    "region": "slipway_region",
    "secrets": "app_secrets",
    "state_bucket": "slipway_state_bucket",
}
_TAGS = {"Environment": "slipway_environment_tag", "Project": "slipway_project"}
# What says whose resources those of a cloud are, and what it is.
_OWNERS = {
    "aws": ("slipway_account_id", "id of the AWS account to deploy to, in quotes"),
    "gcp": ("slipway_google_project", "id of the Google project that the app is deployed to"),
}
# The backend that versions.tf of a cloud's layers names, with the reason.
_STORES = {
    "aws": ("s3", "what is on AWS has its states in Amazon S3"),
    "gcp": ("gcs", "what is on Google Cloud has its states in Cloud Storage"),
}
_CLOUDS = {"aws": "AWS", "gcp": "Google Cloud"}
# How the clouds name secrets.
_NAMES_OF_SECRETS = {r"arn:[a-z-]+:secretsmanager:": "ARN", r"projects/[^/]+/secrets/": "name"}
# What a value says whose vault cannot be opened.
_IN_A_VAULT = re.compile(r"[Vv]ault exception marker|no vault secrets|Decryption failed")
# What a template says that takes an output of a layer: its value is known during a run only.
_KNOWN_LATER = re.compile(r"'\w+_outputs' is undefined")


def inventory_problems(
    hostvars: Mapping[str, Any], project: Path, sources: Iterable[str] = (), evaluate: Evaluate = broken_rules
) -> list[str]:
    """Everything that is wrong with an inventory, a line for each problem; empty when nothing is.

    Args:
        hostvars: variables of all hosts, by host.
        project: the project's folder.
        sources: what was given as inventory, for the message about one that holds nothing.
        evaluate: says what Terraform has against the inputs of layers.

    Raises:
        TerraformError: Terraform could not evaluate the rules of the layers.
    """
    problems = Problems()
    known = Project(project)
    listed = [_read(name, hostvars[name], known, problems) for name in hostvars]
    hosts = [host for host in listed if set(_KINDS) & set(host.groups)]
    if not hosts:
        given = ", ".join(short_path(Path(source)) for source in sources)
        here = sorted(short_path(file.parent) for file in project.glob("inventories/*/hosts.yml"))
        return [
            f"the inventory {given} has no host in the groups apps and networks, so there is nothing to do. "
            f"Give one with -i, such as {', '.join(here)}."
        ]
    for host in listed:
        _check_groups(host, known, problems)
    inputs = {host.name: _check_host(host, known, problems) for host in hosts}
    _check_rules(hosts, inputs, known, problems, evaluate)
    networks = [host for host in hosts if "networks" in host.groups]
    apps = [host for host in hosts if "apps" in host.groups]
    _check_environment_is_one(hosts, problems)
    _check_state_buckets(hosts, known, problems)
    _check_buckets_of_apps(hosts, problems)
    _check_networks(networks, apps, known, inputs, problems)
    _check_names_in_cloud(apps, inputs, problems)
    _check_release(apps, problems)
    lines: list[str] = problems.lines([host.name for host in hosts])
    return lines


def inputs_of_layers(hostvars: Mapping[str, Any], project: Path) -> Iterator[tuple[Host, list[tuple[Path, Json]]]]:
    """What the layers of each app and network are given, with the defaults; what only a run knows is unknown.

    Args:
        hostvars: variables of all hosts, by host.
        project: the project's folder.

    Returns:
        Each host, with the Terraform root and the inputs of each of its layers.
    """
    known = Project(project)
    for name in hostvars:
        problems = Problems()
        host = _read(name, hostvars[name], known, problems)
        if set(_KINDS) & set(host.groups):
            layers = known.layers_of(host).items()
            yield host, [(root, _layer_inputs(host, layer, root, known, problems)) for layer, root in layers]


def _read(name: str, variables: Mapping[str, Any], known: Project, problems: Problems) -> Host:
    """Read those variables of a host that are the project's, each by itself."""
    host = Host(
        name=name,
        groups=list(variables["group_names"]),
        folder=Path(variables.get("inventory_dir") or "."),
        hosts_file=short_path(Path(variables.get("inventory_file") or "hosts.yml")),
        values={},
        given=[key for key in variables if key.startswith(("slipway_", "app_")) or known.role_of(key)],
    )
    for variable in host.given:
        try:
            host.values[variable] = _plain(variables[variable])
        except (AnsibleError, TemplateError) as error:
            file = host.file_of(variable, f"host_vars/{name}")
            if _IN_A_VAULT.search(str(error)):
                text = f"{variable} is encrypted by Ansible Vault, and the run has no password of it, or another one"
                remedy = f"Give it by --vault-password-file or --ask-vault-pass; it stands in {file}"
                problems.add([name], text, remedy)
            elif not _KNOWN_LATER.search(str(error)):
                problems.add([name], f"{variable} cannot be read: {str(error).rstrip('.')}", f"Edit {file}")
    return host


def _check_groups(host: Host, known: Project, problems: Problems) -> None:
    """Check that a host stands where something is done for it, and in one place only."""
    kinds = [group for group in _KINDS if group in host.groups]
    platforms = [group for group in known.platforms if group in host.groups]
    others = [group for group in host.groups if group not in (*kinds, *platforms, "ungrouped")]
    texts = []
    if not kinds:
        texts.append("stands in neither of the groups apps and networks, so nothing is done for it")
    if len(kinds) > 1:
        texts.append(
            f"stands in the groups {' and '.join(kinds)}, which would share its cloud names and state keys; "
            "it must stand in one"
        )
    if "apps" in kinds and not platforms:
        found = f": it is in {', '.join(did_you_mean(group, list(known.platforms)) for group in others)}"
        texts.append(
            f"stands in no platform group{found if others else ''}; below apps it must stand in one of "
            f"{', '.join(known.platforms)}"
        )
    if len(platforms) > 1:
        texts.append(
            f"stands in the platform groups {' and '.join(platforms)}; it must stand in one: another deployment "
            "of an application is another host"
        )
    if kinds and host.name == BOOTSTRAP:
        texts.append(
            "has the name under which the account's own states are kept (playbooks/bootstrap.yml); it must have another"
        )
    for text in texts:
        problems.add([host.name], text, f"Edit {host.hosts_file}")


def _check_host(host: Host, known: Project, problems: Problems) -> Json:
    """Check one app or network by itself, without the rules of its layers.

    Returns:
        What its layers are given, by layer.
    """
    _check_variable_names(host, known, problems)
    _check_specifications(host, known, problems)
    # Whoever has no layers has not said which cloud it is in.
    if known.layers_of(host):
        _check_cloud(host, known, problems)
    if "apps" in host.groups:
        _check_environment(host, known, problems)
        _check_image(host, problems)
        if "data" in (possible := known.possible_layers_of(host)):
            _check_what_does_nothing(host, possible["data"], problems)
        _check_database_authorities(host, known, problems)
        _check_database_extensions(host, problems)
    _check_what_exists(host, problems)
    for layer in known.layers_of(host):
        _check_own_options(host, layer, known, problems)
    return {layer: _layer_inputs(host, layer, root, known, problems) for layer, root in known.layers_of(host).items()}


def _check_cloud(host: Host, known: Project, problems: Problems) -> None:
    """Check what a host is told of the cloud that it is in, and the store of its states, which is that cloud's."""
    cloud, file = known.cloud_of(host), _cloud_file(host, known)
    owner, meaning = _OWNERS[cloud]
    if owner not in host.given or host.values.get(owner, "") is None:
        text = f"{owner} is not set; it must be the {meaning}"
        problems.add([host.name], text, f"Write it into {short_path(host.folder / file)}")
    bucket, (expression, form) = host.values.get("slipway_state_bucket"), _BUCKET_NAMES[cloud]
    if bucket is not None and not expression.fullmatch(str(bucket)):
        text = f"slipway_state_bucket is {_shown(bucket)}; it must be {form}"
        problems.add([host.name], text, f"Edit {host.file_of('slipway_state_bucket', file)}")
    store, (needed, reason) = host.values.get("slipway_state_store"), _STORES[cloud]
    if (store or "s3") in ("s3", "gcs") and (store or "s3") != needed:
        given = f"is {store}" if store else "is not set, which means s3"
        text = f"slipway_state_store {given}; it must be {needed}, because {reason}"
        problems.add([host.name], text, f"Edit {host.file_of('slipway_state_store', file)}")


def _cloud_file(host: Host, known: Project) -> str:
    """Where what a host is told of its cloud belongs, in the inventory's folder."""
    return "group_vars/gcp/cloud.yml" if known.cloud_of(host) == "gcp" else _ENVIRONMENT_FILE


def _check_variable_names(host: Host, known: Project, problems: Problems) -> None:
    """Check that each variable with a prefix of the project's is one that something reads."""
    layers, platform = known.possible_layers_of(host), known.platform_of(host)
    idle = _idle(host, known)
    for name in host.given:
        if name in known.renamed:
            file = host.file_of(name, f"host_vars/{host.name}")
            problems.add([host.name], f"{name} is called {known.renamed[name]} now", f"Rename it in {file}")
            continue
        if name in host.values and host.values[name] is None:
            # null unsets a variable that a group sets.
            continue
        role = known.role_of(name)
        if why := idle.get(name) or idle.get(role or ""):
            file = host.own_file_of(name, platform.name if platform else None)
            if not file and name in idle:
                file = host.own_file_of(name, known.cloud_of(host))
            if not file and platform and name in _ASKING_FOR_DATA and host.values.get(name):
                file = host.file_of(name, f"host_vars/{host.name}/data.yml")
            if file:
                problems.add([host.name], f"{name} is not for {why}", f"Edit {file}")
                continue
            if name in idle:
                # Meant for other hosts of a group.
                continue
        if role in LAYERS and role not in layers:
            # Meant for other hosts of a group.
            continue
        upstream = None
        if role in layers:
            inputs = [f"{role}_{variable}" for variable in declared_variables(layers[role]) if variable not in COMMON]
            # What the account is bootstrapped with is said for all hosts, whatever their clouds are.
            allowed = list(known.roles[role]) if role == BOOTSTRAP else [*inputs, *known.own_options(role)]
            kind = f"input of the layer {layers[role].name}"
            upstream = _upstream_layer(name.removeprefix(f"{role}_"), role)
        else:
            allowed = list(known.roles[role] if role else known.host_variables | known.app_variables)
            kind = f"variable of the role {role}" if role else "variable of the project"
        reason = ""
        if platform and role == "service" and name not in allowed and not upstream:
            reason = why_unsupported(name.removeprefix("service_"), platform, known)
        if reason or (name not in allowed and name not in known.shared):
            text = f"there is no {kind} named {did_you_mean(name, allowed)}"
            if reason:
                text = f"{name} is not for the platform {platform.name}: {reason}"
            problems.add([host.name], text, f"Edit {host.file_of(name, f'host_vars/{host.name}')}")
        elif upstream or name in known.shared:
            source = f"the layer {upstream}" if upstream else known.shared[name]
            given = _INVENTORY_NAMES.get(name.removeprefix(f"{role}_"))
            hint = f"; give {given}" if given else ""
            text = f"{name} comes from {source}, whatever the inventory says{hint}"
            problems.add([host.name], text, f"Take it out of {host.file_of(name, f'host_vars/{host.name}')}")


def _check_what_does_nothing(host: Host, root: Path, problems: Problems) -> None:
    """Check that what is said of an app's database or bucket is said of one that it has.

    What a group says is for those of its hosts that have one.
    """
    for switch, (what, inputs) in OF_WHAT_IS_ASKED_FOR.items():
        # What another cloud alone has is another problem.
        names = {f"data_{variable}" for variable in inputs & declared_variables(root).keys()}
        if switch == "data_database_name":
            names |= {name for name in host.given if name.startswith(("database_access_", "migration_"))}
        # What cannot be read yet may ask for it. What is said of how to make what exists is another problem.
        existing = [other for other, (_, made) in OF_WHAT_IS_MADE.items() if made == inputs and host.values.get(other)]
        if (switch in host.given and switch not in host.values) or host.values.get(switch) or existing:
            continue
        for name in sorted(names & host.values.keys()):
            # No group has the name of a host.
            if host.values[name] is not None and (file := host.own_file_of(name, host.name)):
                text = f"{name} does nothing, because the app does not have {what}: {switch} asks for one"
                problems.add([host.name], text, f"Edit {file}")


def _check_what_exists(host: Host, problems: Problems) -> None:
    """Check that nothing is said of how to make what exists; what a group says is for what is made."""
    for switch, (what, inputs) in OF_WHAT_IS_MADE.items():
        if host.values.get(switch) is None:
            continue
        layer = switch.partition("_")[0]
        for name in sorted({f"{layer}_{variable}" for variable in inputs} & host.values.keys()):
            if file := host.own_file_of(name, host.name):
                text = f"{name} does nothing, because {switch} names {what} that exists"
                problems.add([host.name], text, f"Edit {file}")


def _idle(host: Host, known: Project) -> dict[str, str]:
    """The roles that do nothing for a host, and single variables: what these are not for, with the reason."""
    if "networks" in host.groups:
        idle = dict.fromkeys(set(LAYERS) - set(LAYERS_OF_NO_APP), "a network: it has the layer network alone")
        return idle | _inputs_of_other_clouds("network", known.layers_of(host)["network"], known)
    idle = {"network": "an app: its network is a host of its own, in the group networks"}
    platform = known.platform_of(host)
    if platform is None:
        return idle
    for layer in set(LAYERS) - {*LAYERS_OF_NO_APP, *platform.layers}:
        others = ", ".join(other.name for other in known.platforms.values() if layer in other.layers)
        idle[layer] = (
            f"the platform {platform.name}: it has no layer {layer}; "
            f"an app with {layer} must stand in one of {others} in {host.hosts_file}"
        )
    return idle | (_inputs_of_other_clouds("data", platform.layers["data"], known) if "data" in platform.layers else {})


def _inputs_of_other_clouds(layer: str, root: Path, known: Project) -> dict[str, str]:
    """What a layer is given in another cloud alone, with the reason; groups of both may say it."""
    inputs = {variable for other in known.roots_of(layer) for variable in declared_variables(other)}
    reason = f"{_CLOUDS[root.parent.name]}: the layer {layer} has no such input there"
    return {f"{layer}_{variable}": reason for variable in inputs - declared_variables(root).keys()}


def why_unsupported(variable: str, platform: Platform, known: Project) -> str:
    """Why a platform has no such input; empty where it has it, or where no other has it either."""
    others = [other.name for other in known.platforms.values() if variable in declared_variables(other.root)]
    if platform.name in others or not others:
        return ""
    reason: str | None = platform.unsupported_variables.get(variable)
    return reason or f"it is an input of {', '.join(others)}"


def _upstream_layer(variable: str, layer: str) -> str | None:
    """The other layer whose output a Terraform variable takes; None when it takes none."""
    upstream = variable.partition("_")[0]
    return upstream if upstream in LAYERS and upstream != layer else None


def _check_specifications(host: Host, known: Project, problems: Problems) -> None:
    """Check variables that are no layer's against the specifications of the inventory and of the roles."""
    own = known.host_variables | (known.app_variables if "apps" in host.groups else {})
    for name, specification in own.items():
        missing = name not in host.given or (name in host.values and host.values[name] is None)
        if specification.get("required") and missing:
            file = f"host_vars/{host.name}/app.yml" if name.startswith("image_") else _ENVIRONMENT_FILE
            problems.add(
                [host.name],
                f"{name} is not set; it must be the {_summary(specification)}",
                f"Write it into {short_path(host.folder / file)}",
            )
    for name, value in host.values.items():
        role = known.role_of(name)
        specification = own.get(name) or (known.roles[role].get(name) if role not in (None, *LAYERS) else None)
        error = _specification_error(name, value, specification) if specification else None
        if error:
            own_file = f"host_vars/{host.name}/{role or 'app'}.yml"
            file = host.file_of(name, _ENVIRONMENT_FILE if name.startswith("slipway_") else own_file)
            problems.add([host.name], error, f"Edit {file}")


def _specification_error(name: str, value: Any, specification: Json) -> str | None:
    """What an argument specification has against a value; None when it is right."""
    if value is None:
        return None
    # Ansible would take a string for a list and Terraform would not, so the type itself is asked for.
    for kind, type_, word in (("list", list, "a list"), ("dict", dict, "a dictionary")):
        if specification.get("type") == kind and not isinstance(value, type_):
            return f"{name} is {_shown(value)}; it must be {word}"
    rules = {key: part for key, part in specification.items() if key not in ("required", "default")}
    errors = ArgumentSpecValidator({name: rules}).validate({name: value}).error_messages
    return "; ".join(errors).rstrip(".") or None


def _check_environment(host: Host, known: Project, problems: Problems) -> None:
    """Check what an application has in its environment, in plain variables and in secrets."""
    platform = known.platform_of(host)
    reserved = platform.reserved_environment_variables if platform else {}
    given, remedies, files = {}, {}, {}
    for variable in ("app_environment_variables", "app_secrets"):
        value = host.values.get(variable)
        given[variable] = value if isinstance(value, dict) else {}
        files[variable] = host.file_of(variable, f"host_vars/{host.name}/app.yml")
        remedies[variable] = f"Edit {files[variable]}"
        for name in sorted(given[variable].keys() & reserved.keys()):
            text = f"{variable} holds {name}, which the platform sets (from {reserved[name]}); leave it out"
            problems.add([host.name], text, remedies[variable])

    environment, variable = given["app_environment_variables"], "app_environment_variables"
    written = written_as(Path(files[variable]), variable) if environment else {}
    for name, value in sorted(environment.items()):
        if kind := next((kind for form, kind in _NAMES_OF_SECRETS.items() if re.match(form, str(value))), None):
            text = (
                f"{variable} holds {name}, the {kind} of a secret that the application may not read; app_secrets gives "
                "it the value"
            )
            problems.add([host.name], text, remedies[variable])
        if name in written and (read := _read_otherwise(value, written[name])):
            text = f"{variable} holds {name}: {written[name]}, which YAML reads as {read}; it must be in quotes"
            problems.add([host.name], text, remedies[variable])

    secrets, variable = given["app_secrets"], "app_secrets"
    # ECS takes a name once. Null leaves a variable out.
    plain = {name for name, value in (dict.fromkeys(known.environment, "") | environment).items() if value is not None}
    named = {name for name, source in secrets.items() if source is not None}
    for name in sorted(named & plain - reserved.keys()):
        where = "app_environment_variables" if name in environment else "what every application is given"
        text = f"{name} is in app_secrets and in {where}; it must be in one of them"
        problems.add([host.name], text, remedies[variable])
    if host.values.get("app_database_url") and environment.get("DATABASE_URL") is not None:
        text = "app_environment_variables holds DATABASE_URL, which app_database_url gives the app; leave one out"
        problems.add([host.name], text, remedies["app_environment_variables"])


def _read_otherwise(value: Any, written: str) -> str:
    """What YAML reads for a value of the environment that is not what is written; empty where it is."""
    read = "" if value is None else str(environment_strings({"": value})[""])
    return "" if read == (written.lower() if isinstance(value, bool) else written) else read


def _check_image(host: Host, problems: Problems) -> None:
    """Check that what an application's image is built from is there."""
    otherwise = f"host_vars/{host.name}/app.yml"
    folder, dockerfile = host.values.get("image_source"), host.values.get("image_dockerfile", "")
    if not isinstance(folder, str) or not isinstance(dockerfile, str):
        return
    if not Path(folder).is_dir():
        text = f"image_source is {short_path(Path(folder))}, which is no folder; it must be the application's"
        problems.add([host.name], text, f"Edit {host.file_of('image_source', otherwise)}")
        return
    if dockerfile and not Path(dockerfile).is_file():
        problems.add(
            [host.name],
            f"there is no Dockerfile {short_path(Path(dockerfile))}; image_dockerfile must name one that is not "
            "image_source's own, and an application without one leaves it out",
            f"Write it, or edit {host.file_of('image_dockerfile', otherwise)}",
        )
        return
    arguments = host.values.get("image_build_args")
    arguments = arguments if isinstance(arguments, dict) else {}
    given = {"source": folder, "dockerfile": dockerfile, "build_args": arguments, "platform": "", "added_files": {}}
    source = image_source(given)
    try:
        source.check()
    except SourceError as error:
        problems.add([host.name], error.what, error.remedy)
        return
    if source.dockerfile != python_project.DOCKERFILE:
        return
    for problem in python_project.problems(source.context, source.files(), source.arguments):
        text, remedy = problem.what, problem.remedy
        if problem.file:
            place = short_path(Path(folder) / problem.file)
            text = f"{place}{'' if problem.line is None else f':{problem.line}'}: {text}"
        if "image_build_args" in remedy:
            remedy = f"{remedy}, in {host.file_of('image_build_args', otherwise)}"
        problems.add([host.name], text, remedy)


def _check_database_authorities(host: Host, known: Project, problems: Problems) -> None:
    """Check that the authorities are there by which the certificate of an app's database is verified."""
    # Cloud SQL gives them with the database.
    if (
        known.cloud_of(host) != "aws"
        or "data" not in known.layers_of(host)
        or not host.values.get("data_database_name")
    ):
        return
    place = host.file_of("slipway_database_ca_file", _ENVIRONMENT_FILE)
    file, region = host.values.get("slipway_database_ca_file"), host.values.get("slipway_region")
    if file is None and isinstance(region, str) and not (default := Path(rds_ca_file(region))).is_file():
        text = f"there is no {short_path(default)}, which holds the authorities of Amazon RDS in the region {region}"
        remedy = f"Get it as README.md beside it says, or set slipway_database_ca_file in {place}"
        problems.add([host.name], text, remedy)
    # The emulator writes its file when it starts.
    elif isinstance(file, str) and not host.values.get("slipway_rehearsal") and (problem := ca_file_problem(file)):
        text = (
            f"slipway_database_ca_file is {short_path(Path(file))}, which {problem}; it must be the PEM file of the "
            "authorities that may sign the database's certificate"
        )
        problems.add([host.name], text, f"Edit {place}")


def _check_database_extensions(host: Host, problems: Problems) -> None:
    """Check the names of the extensions of an app's database; which ones there are, its server knows."""
    name = "database_access_extensions"
    names = host.values.get(name, [])
    # Unlike a layer, a role takes no null where it has a default.
    problem = "is null; it must be a list, [] for none" if names is None else ""
    if isinstance(names, list):
        problem = extension_names_problem(names)
    if problem:
        problems.add([host.name], f"{name} {problem}", f"Edit {host.file_of(name, f'host_vars/{host.name}/data.yml')}")


def _check_own_options(host: Host, layer: str, known: Project, problems: Problems) -> None:
    """Check options of a layer's role that are no input of the layer."""
    for name in known.own_options(layer) & host.values.keys():
        error = _specification_error(name, host.values[name], known.roles[layer][name])
        if error:
            problems.add([host.name], error, f"Edit {host.file_of(name, f'host_vars/{host.name}/{layer}.yml')}")


def _layer_inputs(host: Host, layer: str, root: Path, known: Project, problems: Problems) -> Json:
    """What a layer is given, with the defaults; what only a run knows is unknown."""
    inputs: Json = {}
    for variable, declared in declared_variables(root).items():
        name = f"{layer}_{variable}"
        inputs[variable] = UNKNOWN
        if variable in COMMON:
            # The last layer's rules are the narrowest. Rules on other inputs name account, project and region.
            if layer in ("network", "service") or variable in ("account_id", "project", "region"):
                inputs[variable] = _common_input(host, variable)
        elif name == "service_environment_variables":
            inputs[variable] = _environment(host, known)
        elif name == "data_database_url_enabled":
            inputs[variable] = boolean(host.values.get("app_database_url"), strict=False)
        elif name == "data_secrets":
            secrets = host.values.get("app_secrets")
            inputs[variable] = (
                {key: source for key, source in secrets.items() if source is not None}
                if isinstance(secrets, dict)
                else {}
            )
        elif name in known.shared or _upstream_layer(variable, layer):
            continue
        elif name in host.values:
            if not declared.attributes or _holds_objects(host, layer, name, declared.attributes, problems):
                inputs[variable] = host.values[name]
        elif name not in host.given and declared.required:
            file = host.file_of(name, f"host_vars/{host.name}/{layer}.yml")
            problems.add([host.name], f"{name} is not set, and the layer has no default for it", f"Edit {file}")
        elif name not in host.given:
            inputs[variable] = declared.default
    return inputs


def _holds_objects(host: Host, layer: str, name: str, attributes: list[str], problems: Problems) -> bool:
    """Check that each element of a map has attributes that there are; Terraform leaves others out without a word."""
    value = host.values[name]
    elements = value if isinstance(value, dict) else {}
    texts = []
    if value is not None and not isinstance(value, dict):
        texts.append(f"{name} is {_shown(value)}; it must be a dictionary")
    for key, element in elements.items():
        if not isinstance(element, dict):
            texts.append(
                f"{name} holds {key}: {_shown(element)}; it must be a dictionary with some of {', '.join(attributes)}"
            )
            continue
        texts += [
            f"{name} holds {key} with {did_you_mean(attribute, attributes)}; it may have {', '.join(attributes)}"
            for attribute in element
            if attribute not in attributes
        ]
    for text in texts:
        problems.add([host.name], text, f"Edit {host.file_of(name, f'host_vars/{host.name}/{layer}.yml')}")
    return not texts


def _common_input(host: Host, variable: str) -> Any:
    """What every layer is given, as `roles/terraform_layer` has it."""
    if variable == "name":
        return host.cloud_name if "slipway_environment" in host.values else UNKNOWN
    if variable == "tags":
        project = host.values.get("slipway_project", UNKNOWN if "slipway_project" in host.given else host.name)
        return {"Environment": host.values.get("slipway_environment_tag", UNKNOWN), "Project": project}
    value = host.values.get(_INVENTORY_NAMES.get(variable, ""))
    return UNKNOWN if value is None else value


def _environment(host: Host, known: Project) -> Any:
    """The application's environment as far as the inventory says it, without what its own check refuses."""
    given = host.values.get("app_environment_variables")
    if not isinstance(given, dict):
        return UNKNOWN
    platform = known.platform_of(host)
    reserved = platform.reserved_environment_variables if platform else {}
    free = {name: value for name, value in given.items() if name not in reserved}
    # What playbooks/vars/application_environment.yml tells every application, and each behind a proxy.
    told = {"APP_NAME": host.name} | ({"FORWARDED_ALLOW_IPS": "*"} if platform and platform.behind_proxy else {})
    return environment_strings(told | free)


def _check_rules(hosts: list[Host], inputs: Json, known: Project, problems: Problems, evaluate: Evaluate) -> None:
    """Have Terraform evaluate the rules of all layers, and take what breaks one out of the inputs."""
    if not shutil.which("terraform"):
        # Said of the machine.
        return
    layers = [(host, layer, root) for host in hosts for layer, root in known.layers_of(host).items()]
    found = evaluate([Call(root, inputs[host.name][layer]) for host, layer, root in layers])
    for finding in found:
        host, layer, root = layers[finding.call]
        value = inputs[host.name][layer][finding.variable]
        for text, remedy in _told(host, layer, root, finding, value, known):
            problems.add([host.name], text, remedy)
    for finding in found:
        host, layer, _ = layers[finding.call]
        inputs[host.name][layer].pop(finding.variable, None)


def _told(
    host: Host, layer: str, root: Path, finding: Finding, value: Any, known: Project
) -> Iterator[tuple[str, str]]:
    """What Terraform has against an input, in the inventory's names, and what to do."""
    if finding.variable == "name":
        remedy = f"Rename the host in {host.hosts_file}, with its folder in host_vars, or the environment"
        yield f"its cloud {finding.message}", remedy
        return
    if finding.variable == "tags":
        for tag in _TAGS.keys() & set(re.findall(r"\w+", finding.message)):
            text = f"{_TAGS[tag]} is {_shown(value[tag])}; {finding.message}"
            yield text, f"Edit {host.file_of(_TAGS[tag], _cloud_file(host, known))}"
        return
    names = {variable: _INVENTORY_NAMES.get(variable, f"{layer}_{variable}") for variable in declared_variables(root)}
    name = names[finding.variable]
    if finding.is_type:
        shown = "is not shown" if name == "app_secrets" else f"is {_shown(value)}"
        text = f"{name} {shown}; {finding.message}"
    else:
        # Of other variables, only those are surely no words of the sentence that have an underscore.
        others = "|".join(variable for variable in names if "_" in variable)
        text = re.sub(
            rf'^{finding.variable}\b|(?<![\w"])(?:{others})(?![\w"])', lambda match: names[match[0]], finding.message
        )
    if name.startswith("slipway_"):
        file = host.file_of(name, _cloud_file(host, known))
    else:
        own_file = "app" if name.startswith("app_") else layer
        # An account is bootstrapped for all hosts.
        otherwise = _ACCOUNT_FILE if layer == BOOTSTRAP else f"host_vars/{host.name}/{own_file}.yml"
        file = host.file_of(name, otherwise)
    yield text, f"Edit {file}"


def _check_environment_is_one(hosts: list[Host], problems: Problems) -> None:
    """Check that all hosts belong to one environment, whose name begins every cloud name."""
    names = {str(host.values["slipway_environment"]) for host in hosts if "slipway_environment" in host.values}
    if len(names) > 1:
        problems.add(
            [host.name for host in hosts],
            f"slipway_environment is {' and '.join(sorted(names))}; an inventory is one environment",
            f"Write one into {short_path(hosts[0].folder / _ENVIRONMENT_FILE)}, and nowhere else",
        )


def _check_release(apps: list[Host], problems: Problems) -> None:
    """Check that a release is one of apps that there are: what it does not name is deployed from its source."""
    names = {app.name for app in apps}
    for app in apps:
        release = app.values.get("slipway_release")
        if not isinstance(release, dict):
            continue
        for name, image in release.items():
            what = f"slipway_release names {name}"
            if name not in names:
                problems.add(
                    [app.name], f"{what}, which is no app; there are {', '.join(sorted(names))}", _IN_THE_COMMAND
                )
            elif not _is_image_of_a_release(image):
                problems.add(
                    [app.name],
                    f"{what} with {_shown(image)}; it must be a tag of 32 hexadecimal digits and maybe a digest, "
                    'as {tag: "0123456789abcdef0123456789abcdef", digest: "sha256:..."}',
                    _IN_THE_COMMAND,
                )


def _is_image_of_a_release(image: Any) -> bool:
    return bool(
        isinstance(image, dict)
        and image.keys() <= {"tag", "digest"}
        and re.fullmatch(r"[0-9a-f]{32}", str(image.get("tag")))
        and re.fullmatch(r"(sha256:[0-9a-f]{64})?", str(image.get("digest") or ""))
    )


def _check_buckets_of_apps(hosts: list[Host], problems: Problems) -> None:
    """Check that no application may read and write states."""
    states = {host.values.get("slipway_state_bucket") for host in hosts}
    for host in hosts:
        bucket = host.values.get("data_bucket_name")
        if bucket is not None and bucket in states:
            problems.add(
                [host.name],
                f"data_bucket_name is {bucket}, the bucket of Terraform's states (slipway_state_bucket), which the "
                "application would read and write; it must be another one",
                f"Edit {host.file_of('data_bucket_name', f'host_vars/{host.name}/data.yml')}",
            )


def _check_state_buckets(hosts: list[Host], known: Project, problems: Problems) -> None:
    """Check that a bucket's name is one cloud's, though both could have it: a run knows the buckets by their names."""
    on_aws = {
        str(host.values["slipway_state_bucket"]): host.name
        for host in hosts
        if "slipway_state_bucket" in host.values and known.cloud_of(host) == "aws"
    }
    for host in hosts:
        name = host.values.get("slipway_state_bucket")
        if known.cloud_of(host) == "gcp" and name in on_aws:
            problems.add(
                [host.name],
                f"slipway_state_bucket is {name}, which is the bucket of {on_aws[name]} in Amazon S3; it must have "
                "another name in Cloud Storage",
                f"Edit {host.file_of('slipway_state_bucket', _cloud_file(host, known))}",
            )


def _check_networks(networks: list[Host], apps: list[Host], known: Project, inputs: Json, problems: Problems) -> None:
    """Check that each app has a network, in its region, and that networks of a cloud do not overlap."""
    by_name = {network.name: network for network in networks}
    for app in apps:
        name, cloud = app.values.get("slipway_network"), known.cloud_of(app)
        # On Google Cloud, an app without a database is in none.
        if not isinstance(name, str) or (cloud == "gcp" and not app.values.get("data_database_name")):
            continue
        if name not in by_name:
            problems.add(
                [app.name],
                f"slipway_network is {name}, which is no host of the group networks; it must be one of "
                f"{', '.join(by_name) or 'them, and there is none'}",
                f"Edit {app.file_of('slipway_network', _cloud_file(app, known))}",
            )
            continue
        if known.cloud_of(by_name[name]) != cloud:
            where = f"in the groups networks and gcp of {app.hosts_file}" if cloud == "gcp" else "in no group gcp"
            problems.add(
                [app.name],
                f"slipway_network is {name}, which is in the other cloud; it must be a network {where}",
                f"Edit {app.file_of('slipway_network', _cloud_file(app, known))}",
            )
            continue
        region, its = app.values.get("slipway_region"), by_name[name].values.get("slipway_region")
        if region != its:
            text = f"slipway_region is {region}; it must be {its}, where its network {name} is"
            problems.add([app.name], text, f"Edit {app.file_of('slipway_region', _cloud_file(app, known))}")
        network = inputs[name].get("network", {})
        # The routes of a VPC that exists are not looked at before a run.
        mode = network.get("nat_gateway_mode") if network.get("vpc_id") is None else None
        platform = known.platform_of(app)
        has_public_ip = _is_true(inputs[app.name].get("service", {}).get("assign_public_ip"))
        # Without the layer data, an app is in no network.
        needs_way_out = platform and platform.nat_gateway and "data" in known.layers_of(app)
        if platform and needs_way_out and mode == "none" and not has_public_ip:
            hint = ""
            if "assign_public_ip" in declared_variables(platform.root):
                hint = f", or service_assign_public_ip of {app.name} true"
            problems.add(
                [app.name],
                f"its network {name} has network_nat_gateway_mode none, but {platform.nat_gateway}; it must be single "
                f"or per_availability_zone{hint}",
                f"Edit {by_name[name].file_of('network_nat_gateway_mode', f'host_vars/{name}/network.yml')}",
            )
        _check_shared_load_balancer(app, by_name[name], inputs, problems)
    made = [one for one in networks if inputs[one.name]["network"].get("vpc_id") is None]
    for one, other in itertools.combinations(made, 2):
        if known.cloud_of(one) != known.cloud_of(other):
            continue
        first, second = (_range(inputs[host.name]["network"].get("cidr_block")) for host in (one, other))
        if first and second and first.overlaps(second):
            problems.add(
                [one.name, other.name],
                f"network_cidr_block is {first} and {second}, which overlap; networks of an environment must "
                "not, so that they can be connected",
                f"Edit {other.file_of('network_cidr_block', f'host_vars/{other.name}/network.yml')}",
            )


def _check_shared_load_balancer(app: Host, network: Host, inputs: Json, problems: Problems) -> None:
    """Check that the load balancer that an app shares is there, and has a certificate for its name."""
    service = inputs[app.name].get("service", {})
    zone = inputs[network.name].get("network", {}).get("load_balancer_zone_name", UNKNOWN)
    domain = service.get("domain_name")
    if not _is_true(service.get("shared_load_balancer")) or isinstance(zone, Unknown):
        return
    if zone is None:
        problems.add(
            [app.name],
            f"service_shared_load_balancer is true, but its network {network.name} has no load balancer; "
            "network_load_balancer_zone_name must be the Route 53 zone that service_domain_name is in",
            f"Edit {network.file_of('network_load_balancer_zone_name', f'host_vars/{network.name}/network.yml')}",
        )
    elif isinstance(domain, str) and domain.partition(".")[2] != zone:
        problems.add(
            [app.name],
            f"service_domain_name is {_shown(domain)}; on the load balancer of the network {network.name}, whose "
            f"certificate is for *.{zone}, it must be one label and {zone}, such as {app.name}.{zone}",
            f"Edit {app.file_of('service_domain_name', f'host_vars/{app.name}/service.yml')}",
        )


def _is_true(value: Any) -> bool:
    """Whether a bool is true, as Terraform takes it: true, or "true"."""
    return str(value).lower() == "true"


def _check_names_in_cloud(apps: list[Host], inputs: Json, problems: Problems) -> None:
    """Check that no two apps get one name where the cloud allows it once."""
    clusters, databases, domains, targets, zones = (defaultdict[str, list[Host]](list) for _ in range(5))
    for app in apps:
        service, data = inputs[app.name].get("service", {}), inputs[app.name].get("data", {})
        instance, database = data.get("database_instance_identifier"), data.get("database_name")
        if isinstance(instance, str) and isinstance(database, str):
            databases[f"{database} in {instance}"].append(app)
        clusters[app.cloud_name].append(app)
        clusters[f"{app.cloud_name}-migration"].append(app)
        # terraform/modules/load_balancer_target names them.
        targets[f"{app.cloud_name}-net" if _is_true(service.get("shared_load_balancer")) else app.cloud_name].append(
            app
        )
        domain, zone = service.get("domain_name"), service.get("zone_name")
        if isinstance(domain, str):
            domains[domain].append(app)
        if isinstance(zone, str) and _is_true(service.get("zone_create")):
            zones[zone].append(app)
    for owners, text, variable in (
        (clusters, "each would have an ECS cluster named {} (<app>-migration is where migrations of <app> run)", ""),
        (targets, "each would have a target group named {} (<app>-net is that of <app> on a shared load balancer)", ""),
        (domains, "service_domain_name is {} for each; a domain name belongs to one app", "service_domain_name"),
        (databases, "each would have the database {}, and its users; they must have one each", "data_database_name"),
        (zones, "each would create the zone {}; one must, and the others only use it", "service_zone_create"),
    ):
        for name, hosts in owners.items():
            if len(hosts) < 2:
                continue
            remedy = f"Rename one of them in {hosts[0].hosts_file}, with its folder in host_vars"
            if variable:
                layer = variable.partition("_")[0]
                files = [host.file_of(variable, f"host_vars/{host.name}/{layer}.yml") for host in hosts]
                remedy = f"Edit {' or '.join(dict.fromkeys(files))}"
            problems.add([host.name for host in hosts], text.format(name), remedy)


def _summary(specification: Json) -> str:
    """How a specification's description begins, without its markup and as part of a sentence."""
    description = specification["description"]
    text = description if isinstance(description, str) else description[0]
    text = re.sub(r"C\((.*?)\)", r"\1", re.split(r"[.;]( |$)", text)[0])
    return text[0].lower() + text[1:] if text[1].islower() else text


def _shown(value: Any) -> str:
    """A value as a message shows it."""
    return "a value that only a run knows" if isinstance(value, Unknown) else json.dumps(value, ensure_ascii=False)


def _range(block: Any) -> ipaddress.IPv4Network | None:
    """An IPv4 range; None when there is none."""
    return ipaddress.IPv4Network(block) if isinstance(block, str) else None


def _plain(value: Any) -> Any:
    """A value without what Ansible wraps it in; rendering it raises what is wrong with a template."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float) else str(value)
