#!/usr/bin/python
"""Ansible module: list what carries given tags."""

from __future__ import annotations

DOCUMENTATION = r"""
module: tagged_resources_info
short_description: List the AWS resources that carry given tags
description:
  - Asks the Resource Groups Tagging API of one region.
  - ECS keeps deleted clusters, services and task definitions in its listings for a while, and EC2 terminated
    instances; they are left out, since nothing of them is left to remove.
options:
  tags:
    description: Tags that a resource must carry, all of them.
    type: dict
    required: true
  name_prefix:
    description:
      - What names begin with. Another environment may carry the same tags.
      - Resources that have an id for a name, those of EC2, are told by their C(Name) tag.
    type: str
    required: true
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
author: Slipway
"""

EXAMPLES = r"""
- name: List what is left
  slipway.provision.tagged_resources_info:
    tags: {Environment: development, Project: tasks}
    name_prefix: dev-tasks
  register: left
"""

RETURN = r"""
arns:
  description: ARNs of the resources, sorted.
  type: list
  elements: str
  returned: always
"""

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

try:
    from botocore.exceptions import BotoCoreError, ClientError
except ImportError:
    # AnsibleAWSModule says so.
    pass


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


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "tags": {"type": "dict", "required": True},
            "name_prefix": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    clients = {name: module.client(name) for name in ("ec2", "ecs", "resourcegroupstaggingapi")}
    try:
        arns = find(clients, module.params["tags"], module.params["name_prefix"])
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg="could not list tagged resources")
    module.exit_json(changed=False, arns=arns)


if __name__ == "__main__":
    main()
