"""Action plugin of tagged_resources_info."""

from __future__ import annotations

from typing import Any

from ansible_collections.slipway.provision.plugins.plugin_utils.cloud_action import AwsActionModule

Json = dict[str, Any]


def _is_gone(clients: dict[str, Any], arn: str) -> bool:
    """Whether a resource is only remembered, not there."""
    service = arn.split(":")[2]
    kind, _, name = arn.split(":", 5)[5].partition("/")
    if service == "ec2" and kind == "instance":
        return _is_terminated(clients["ec2"], name)
    return service == "ecs" and _is_inactive(clients["ecs"], arn, kind, name)


def _is_terminated(ec2: Any, identifier: str) -> bool:
    filters = [{"Name": "instance-id", "Values": [identifier]}]
    found = [one for item in ec2.describe_instances(Filters=filters)["Reservations"] for one in item["Instances"]]
    return all(one["State"]["Name"] == "terminated" for one in found)


def _is_inactive(ecs: Any, arn: str, kind: str, name: str) -> bool:
    if kind == "cluster":
        clusters = ecs.describe_clusters(clusters=[arn])["clusters"]
        return not clusters or clusters[0]["status"] == "INACTIVE"
    if kind == "service":
        try:
            services = ecs.describe_services(cluster=name.split("/")[0], services=[arn])["services"]
        except ecs.exceptions.ClusterNotFoundException:
            return True
        return not services or services[0]["status"] == "INACTIVE"
    if kind == "task-definition":
        definition = ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
        return bool(definition["status"] != "ACTIVE")
    return kind == "task"


def find(clients: dict[str, Any], tags: dict[str, str], name_prefix: str) -> list[str]:
    """ARNs of the resources with the tags and a name that begins with the prefix, sorted."""
    client = clients["resourcegroupstaggingapi"]
    filters = [{"Key": key, "Values": [value]} for key, value in tags.items()]
    pages = client.get_paginator("get_resources").paginate(TagFilters=filters)
    mappings = [mapping for page in pages for mapping in page["ResourceTagMappingList"]]
    arns = [mapping["ResourceARN"] for mapping in mappings if is_named(mapping, name_prefix)]
    return sorted(arn for arn in arns if not _is_gone(clients, arn))


def is_named(mapping: dict[str, Any], name_prefix: str) -> bool:
    """Whether a resource's name begins with the prefix.

    Args:
        mapping: an entry of GetResources, with `ResourceARN` and `Tags`.
        name_prefix: such as `dev-tasks`.
    """
    service, resource = mapping["ResourceARN"].split(":")[2], mapping["ResourceARN"].split(":", 5)[5]
    names = [tag["Value"] for tag in mapping["Tags"] if tag["Key"] == "Name"]
    if service != "ec2" or not names:
        # Kinds and paths stand before a name: loadbalancer/app/NAME/ID, log-group:NAME, NAME.
        names += resource.replace(":", "/").split("/")
    return any(name == name_prefix or name.startswith(f"{name_prefix}-") for name in names)


class ActionModule(AwsActionModule):
    """Lists them."""

    PURPOSE = "list tagged resources"

    def act(self, session: Any, arguments: Json) -> Json:
        """Return the resources' ARNs."""
        clients = {name: session.client(name) for name in ("ec2", "ecs", "resourcegroupstaggingapi")}
        return {"changed": False, "arns": find(clients, arguments["tags"], arguments["name_prefix"])}
