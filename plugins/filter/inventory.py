"""Filter that says everything that is wrong with an inventory, before anything is touched."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.slipway.provision.plugins.filter.terraform import did_you_mean
from ansible_collections.slipway.provision.plugins.plugin_utils import input_rules
from ansible_collections.slipway.provision.plugins.plugin_utils.image_source import ImageSource, SourceError
from ansible_collections.slipway.provision.plugins.plugin_utils.inventory import (
    LAYERS,
    Host,
    Problems,
    Project,
    short_path,
)
from ansible_collections.slipway.provision.plugins.plugin_utils.layer_variables import (
    WrongTypeError,
    converted,
    declared_variables,
)
from jinja2.exceptions import TemplateError

Json = dict[str, Any]

_COMMON = ("name", "project", "region", "tags")
_KINDS = ("apps", "networks")

# Roles that have something to do only where an app has the layer data, and the variables that ask for that.
_ROLES_OF_DATA = ("data", "database_access", "migration")
_ASKING_FOR_DATA = ("data_database_name", "data_bucket_enabled", "data_api_key_required")

_ENVIRONMENT_FILE = "group_vars/all/environment.yml"
_AWS_TAG = (re.compile(r".*\S.*", re.DOTALL), "the value of a tag, which is not empty")
# "Requirements for labels" in the documentation of Resource Manager; the layers replace what no label may hold.
_GOOGLE_TAG = (
    re.compile(r"(?=.*\S).{1,63}", re.DOTALL),
    "the value of a label: 1 to 63 characters, and not spaces alone",
)
# What variables of the project have to look like, by cloud.
_FORMS = {
    "aws": {
        "slipway_environment_tag": _AWS_TAG,
        "slipway_project": _AWS_TAG,
        "slipway_region": (re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]"), "an AWS region's code such as us-east-1"),
        # "General purpose bucket naming rules" in the Amazon S3 User Guide.
        "slipway_state_bucket": (
            re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"),
            "a bucket's name: 3 to 63 lower-case letters, digits, dots and hyphens",
        ),
    },
    "gcp": {
        "slipway_environment_tag": _GOOGLE_TAG,
        # "Creating and managing projects" in the documentation of Resource Manager.
        "slipway_google_project": (
            re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]"),
            "a project's id, neither its name nor its number: 6 to 30 lower-case letters, digits and hyphens, first a "
            "letter, last no hyphen",
        ),
        "slipway_project": _GOOGLE_TAG,
        "slipway_region": (re.compile(r"[a-z]+-[a-z]+[0-9]+"), "a region's code of Google Cloud such as us-central1"),
        # "Bucket naming guidelines" in the documentation of Cloud Storage; one with dots has to be a domain of one's
        # own.
        "slipway_state_bucket": (
            re.compile(r"(?!goog|.*google)[a-z0-9][a-z0-9_-]{1,61}[a-z0-9]"),
            "a bucket's name: 3 to 63 lower-case letters, digits, hyphens and underscores, without google and not with "
            "goog at its beginning",
        ),
    },
}
# The backend that versions.tf of a cloud's layers names, with the reason.
_STORES = {
    "aws": ("s3", "what is on AWS has its states in Amazon S3"),
    "gcp": ("gcs", "what is on Google Cloud has its states in Cloud Storage"),
}
# What a template says that takes an output of a layer: its value is known during a run only.
_KNOWN_LATER = re.compile(r"'\w+_outputs' is undefined")


def inventory_problems(hostvars: Mapping[str, Any], project: str, sources: Iterable[str] = ()) -> list[str]:
    """Everything that is wrong with an inventory, a line for each problem; empty when nothing is.

    Args:
        hostvars: variables of all hosts, by host.
        project: the project's folder.
        sources: what was given as inventory, for the message about one that holds nothing.
    """
    problems = Problems()
    known = Project(Path(project))
    hosts = [_read(name, hostvars[name], known, problems) for name in hostvars]
    if not any({"apps", "networks"} & set(host.groups) for host in hosts):
        given = ", ".join(short_path(Path(source)) for source in sources)
        here = sorted(short_path(file.parent) for file in Path(project).glob("inventories/*/hosts.yml"))
        return [
            f"the inventory {given} has no host in the groups apps and networks, so there is nothing to do. "
            f"Give one with -i, such as {', '.join(here)}."
        ]
    for host in hosts:
        _check_groups(host, known, problems)
    hosts = [host for host in hosts if {"apps", "networks"} & set(host.groups)]
    inputs = {host.name: _check_host(host, known, problems) for host in hosts}
    networks = [host for host in hosts if "networks" in host.groups]
    apps = [host for host in hosts if "apps" in host.groups]
    _check_environment_is_one(hosts, problems)
    _check_state_buckets(hosts, known, problems)
    # Google's apps are in no network of ours.
    _check_networks(networks, [app for app in apps if known.cloud_of(app) == "aws"], known, inputs, problems)
    _check_names_in_cloud(apps, inputs, problems)
    lines: list[str] = problems.lines()
    return lines


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
            if not _KNOWN_LATER.search(str(error)):
                file = host.file_of(variable, f"host_vars/{name}")
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
    for text in texts:
        problems.add([host.name], text, f"Edit {host.hosts_file}")


def _check_host(host: Host, known: Project, problems: Problems) -> Json:
    """Check one app or network by itself.

    Returns:
        What its layers are given and is right by itself, by layer.
    """
    _check_variable_names(host, known, problems)
    _check_specifications(host, known, problems)
    if "slipway_environment" in host.values:
        finding = input_rules.name_finding(host.cloud_name, known.platform_of(host))
        if finding:
            remedy = f"Rename the host in {host.hosts_file}, with its folder in host_vars, or the environment"
            problems.add([host.name], finding, remedy)
    # Whoever has no layers has not said which cloud it is in.
    if known.layers_of(host):
        _check_cloud(host, known, problems)
    if "apps" in host.groups:
        _check_application(host, known, problems)
    return {layer: _check_layer(host, layer, root, known, problems) for layer, root in known.layers_of(host).items()}


def _check_cloud(host: Host, known: Project, problems: Problems) -> None:
    """Check what a host is told of the cloud that it is in, and the store of its states, which is that cloud's."""
    cloud = known.cloud_of(host)
    platform = known.platform_of(host)
    file = f"group_vars/{platform.name}/cloud.yml" if platform and cloud == "gcp" else _ENVIRONMENT_FILE
    if cloud == "gcp" and host.values.get("slipway_google_project") is None:
        problems.add(
            [host.name],
            "slipway_google_project is not set; it must be the id of the Google project that the app is deployed to",
            f"Write it into {short_path(host.folder / file)}",
        )
    for name, (expression, form) in _FORMS[cloud].items():
        value = host.values.get(name)
        if value is not None and not expression.fullmatch(str(value)):
            text = f"{name} is {input_rules.shown(value)}; it must be {form}"
            problems.add([host.name], text, f"Edit {host.file_of(name, file)}")
    store, (needed, reason) = host.values.get("slipway_state_store"), _STORES[cloud]
    if (store or "s3") in ("s3", "gcs") and (store or "s3") != needed:
        given = f"is {store}" if store else "is not set, which means s3"
        text = f"slipway_state_store {given}; it must be {needed}, because {reason}"
        problems.add([host.name], text, f"Edit {host.file_of('slipway_state_store', file)}")


def _check_variable_names(host: Host, known: Project, problems: Problems) -> None:
    """Check that each variable with a prefix of the project's is one that something reads."""
    layers, platform = known.layers_of(host), known.platform_of(host)
    idle = _idle_roles(host, known)
    for name in host.given:
        if name in known.renamed:
            file = host.file_of(name, f"host_vars/{host.name}")
            problems.add([host.name], f"{name} is called {known.renamed[name]} now", f"Rename it in {file}")
            continue
        if name in host.values and host.values[name] is None:
            # Taken back by who sees to it that it is not asked for.
            continue
        role = known.role_of(name)
        if role in idle:
            file = host.own_file_of(name, platform.name if platform else None)
            if not file and platform and name in _ASKING_FOR_DATA and host.values.get(name):
                file = host.file_of(name, f"host_vars/{host.name}/data.yml")
            if file:
                problems.add([host.name], f"{name} is not for {idle[role]}", f"Edit {file}")
                continue
        if role in LAYERS and role not in layers:
            # Meant for other hosts of a group.
            continue
        producer = None
        if role in layers:
            inputs = [f"{role}_{variable}" for variable in declared_variables(layers[role])]
            allowed = [*inputs, *known.own_options(role)]
            kind = f"input of the layer {layers[role].name}"
            producer = _producer(name.removeprefix(f"{role}_"), role)
        else:
            allowed = list(known.roles[role] if role else known.host_variables | known.app_variables)
            kind = f"variable of the role {role}" if role else "variable of the project"
        lacks = input_rules.LACKS.get(platform.name, {}) if platform and role == "service" else {}
        reason = lacks.get(name.removeprefix("service_"))
        if reason or (name not in allowed and name not in known.wired):
            text = f"there is no {kind} named {did_you_mean(name, allowed)}"
            if reason:
                text = f"{name} is not for the platform {platform.name}: {reason}"
            problems.add([host.name], text, f"Edit {host.file_of(name, f'host_vars/{host.name}')}")
        elif producer or name in known.wired:
            source = f"the layer {producer}" if producer else "playbooks/vars/wiring.yml"
            hint = "; give app_environment_variables" if name == "service_environment_variables" else ""
            text = f"{name} comes from {source}, whatever the inventory says{hint}"
            problems.add([host.name], text, f"Take it out of {host.file_of(name, f'host_vars/{host.name}')}")


def _idle_roles(host: Host, known: Project) -> dict[str, str]:
    """The roles that do nothing for a host: what their variables are not for, with the reason."""
    if "networks" in host.groups:
        return dict.fromkeys(set(LAYERS) - {"network"}, "a network: it has the layer network alone")
    idle = {"network": "an app: its network is a host of its own, in the group networks"}
    platform = known.platform_of(host)
    if platform and not platform.data_layer:
        others = ", ".join(other.name for other in known.platforms.values() if other.data_layer)
        reason = (
            f"the platform {platform.name}: it has no layer data, which keeps an app's database, bucket and API key; "
            f"an app with data must stand in one of {others} in {host.hosts_file}"
        )
        idle |= dict.fromkeys(_ROLES_OF_DATA, reason)
    return idle


def _producer(variable: str, layer: str) -> str | None:
    """The layer before this one whose output a Terraform variable takes; None when it takes none."""
    producer = variable.partition("_")[0]
    return producer if producer in LAYERS[: LAYERS.index(layer)] else None


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
            return f"{name} is {input_rules.shown(value)}; it must be {word}"
    rules = {key: part for key, part in specification.items() if key not in ("required", "default")}
    errors = ArgumentSpecValidator({name: rules}).validate({name: value}).error_messages
    return "; ".join(errors).rstrip(".") or None


def _check_application(host: Host, known: Project, problems: Problems) -> None:
    """Check the environment variables of an application, and that what its image is built from is there."""
    otherwise = f"host_vars/{host.name}/app.yml"
    environment = host.values.get("app_environment_variables")
    given = environment if isinstance(environment, dict) else {}
    platform = known.platform_of(host)
    for text in input_rules.environment_findings(given, platform) if platform else []:
        file = host.file_of("app_environment_variables", otherwise)
        problems.add([host.name], f"app_environment_variables {text}", f"Edit {file}")
    source = host.values.get("image_source")
    dockerfile = host.values.get("image_dockerfile", f"{source}/Dockerfile")
    if isinstance(source, str) and not Path(source).is_dir():
        text = f"image_source is {short_path(Path(source))}, which is no folder; it must be the application's"
        problems.add([host.name], text, f"Edit {host.file_of('image_source', otherwise)}")
    elif isinstance(source, str) and isinstance(dockerfile, str) and not Path(dockerfile).is_file():
        problems.add(
            [host.name],
            f"there is no Dockerfile {short_path(Path(dockerfile))}; image_dockerfile must name one that is "
            "not in image_source",
            f"Write it, or edit {host.file_of('image_dockerfile', otherwise)}",
        )
    elif isinstance(source, str) and isinstance(dockerfile, str):
        arguments = host.values.get("image_build_args")
        arguments = arguments if isinstance(arguments, dict) else {}
        image = ImageSource(Path(source), Path(dockerfile), {name: str(arguments[name]) for name in arguments})
        try:
            image.check()
        except SourceError as error:
            problems.add([host.name], error.what, error.remedy)
        if Path(dockerfile).resolve() == known.flask_dockerfile.resolve():
            application = str(arguments.get("WSGI_APP", "app:app"))
            module = application.partition(":")[0].partition(".")[0]
            if not any((Path(source) / name).exists() for name in (module, f"{module}.py")):
                text = f"image_build_args has WSGI_APP {application}, and image_source has no {module}.py"
                problems.add([host.name], text, f"Edit {host.file_of('image_build_args', otherwise)}")
            if not (Path(source) / "requirements.txt").is_file():
                text = f"there is no requirements.txt in {short_path(Path(source))}"
                problems.add([host.name], text, "Write it; images/flask/Dockerfile installs what it lists")


def _check_layer(host: Host, layer: str, root: Path, known: Project, problems: Problems) -> Json:
    """Check what a layer is given.

    Returns:
        Its inputs that are right by themselves, defaults included, with `region`.
    """

    def file_of(variable: str) -> str:
        return str(host.file_of(f"{layer}_{variable}", f"host_vars/{host.name}/{layer}.yml"))

    def add(variable: str, text: str) -> None:
        problems.add([host.name], f"{layer}_{variable} {text}", f"Edit {file_of(variable)}")

    inputs: Json = {}
    for variable, declared in declared_variables(root).items():
        name = f"{layer}_{variable}"
        if variable in _COMMON or name in known.wired or _producer(variable, layer):
            continue
        if name in host.values:
            try:
                inputs[variable] = converted(host.values[name], declared)
            except WrongTypeError as wrong:
                add(variable, f"is {input_rules.shown(host.values[name])}; it must be {wrong}")
                continue
            error = _specification_error(name, host.values[name], known.roles[layer].get(name, {}))
            if error:
                problems.add([host.name], error, f"Edit {file_of(variable)}")
                del inputs[variable]
        elif name not in host.given and declared.required:
            add(variable, "is not set, and the layer has no default for it")
        elif name not in host.given:
            inputs[variable] = declared.default
    app_platform = known.platform_of(host)
    platform = app_platform.name if app_platform else None
    for variable, text in list(input_rules.value_findings(inputs, platform)):
        add(variable, text)
        del inputs[variable]
    inputs["region"] = host.values.get("slipway_region")
    for variable, text in input_rules.layer_findings(layer, inputs, platform):
        add(variable, text)
    return inputs


def _check_environment_is_one(hosts: list[Host], problems: Problems) -> None:
    """Check that all hosts belong to one environment, whose name begins every cloud name."""
    names = {str(host.values["slipway_environment"]) for host in hosts if "slipway_environment" in host.values}
    if len(names) > 1:
        problems.add(
            [host.name for host in hosts],
            f"slipway_environment is {' and '.join(sorted(names))}; an inventory is one environment",
            f"Write one into {short_path(hosts[0].folder / _ENVIRONMENT_FILE)}, and nowhere else",
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
                f"Edit {host.file_of('slipway_state_bucket', 'group_vars/cloud_run/cloud.yml')}",
            )


def _check_networks(networks: list[Host], apps: list[Host], known: Project, inputs: Json, problems: Problems) -> None:
    """Check that each app has a network, in its region, and that networks do not overlap."""
    by_name = {network.name: network for network in networks}
    for app in apps:
        name = app.values.get("slipway_network")
        if not isinstance(name, str):
            continue
        if name not in by_name:
            problems.add(
                [app.name],
                f"slipway_network is {name}, which is no host of the group networks; it must be one of "
                f"{', '.join(by_name) or 'them, and there is none'}",
                f"Edit {app.file_of('slipway_network', _ENVIRONMENT_FILE)}",
            )
            continue
        region, its = app.values.get("slipway_region"), by_name[name].values.get("slipway_region")
        if region != its:
            text = f"slipway_region is {region}; it must be {its}, where its network {name} is"
            problems.add([app.name], text, f"Edit {app.file_of('slipway_region', _ENVIRONMENT_FILE)}")
        mode = inputs[name].get("network", {}).get("nat_gateway_mode")
        platform = known.platform_of(app)
        if platform and platform.nat_gateway and mode == "none":
            problems.add(
                [app.name],
                f"its network {name} has network_nat_gateway_mode none, but {platform.nat_gateway}; it must be single "
                "or per_availability_zone",
                f"Edit {by_name[name].file_of('network_nat_gateway_mode', f'host_vars/{name}/network.yml')}",
            )
    for one, other in itertools.combinations(networks, 2):
        blocks = [inputs[host.name]["network"].get("cidr_block") for host in (one, other)]
        first, second = (input_rules.network(block or "") for block in blocks)
        if first and second and first.overlaps(second):
            problems.add(
                [one.name, other.name],
                f"network_cidr_block is {first} and {second}, which overlap; networks of an environment must "
                "not, so that they can be connected",
                f"Edit {other.file_of('network_cidr_block', f'host_vars/{other.name}/network.yml')}",
            )


def _check_names_in_cloud(apps: list[Host], inputs: Json, problems: Problems) -> None:
    """Check that no two apps get one name where the cloud allows it once."""
    clusters, domains, zones = (defaultdict[str, list[Host]](list) for _ in range(3))
    for app in apps:
        service = inputs[app.name].get("service", {})
        clusters[app.cloud_name].append(app)
        clusters[f"{app.cloud_name}-migration"].append(app)
        if service.get("domain_name"):
            domains[service["domain_name"]].append(app)
        if service.get("zone_create") and service.get("zone_name"):
            zones[service["zone_name"]].append(app)
    for owners, text, variable in (
        (
            clusters,
            "each would have an ECS cluster named {} (<app>-migration is where migrations of <app> run)",
            "",
        ),
        (
            domains,
            "service_domain_name is {} for each; a domain name belongs to one app",
            "service_domain_name",
        ),
        (zones, "each would create the zone {}; one must, and the others only use it", "service_zone_create"),
    ):
        for name, hosts in owners.items():
            if len(hosts) < 2:
                continue
            remedy = f"Rename one of them in {hosts[0].hosts_file}, with its folder in host_vars"
            if variable:
                files = [host.file_of(variable, f"host_vars/{host.name}/service.yml") for host in hosts]
                remedy = f"Edit {' or '.join(dict.fromkeys(files))}"
            problems.add([host.name for host in hosts], text.format(name), remedy)


def _summary(specification: Json) -> str:
    """How a specification's description begins, without its markup and as part of a sentence."""
    description = specification["description"]
    text = description if isinstance(description, str) else description[0]
    text = re.sub(r"C\((.*?)\)", r"\1", re.split(r"[.;]( |$)", text)[0])
    return text[0].lower() + text[1:] if text[1].islower() else text


def _plain(value: Any) -> Any:
    """A value without what Ansible wraps it in; rendering it raises what is wrong with a template."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float) else str(value)


class FilterModule:
    """The filter, by the name playbooks use."""

    def filters(self) -> Json:
        return {"inventory_problems": inventory_problems}
