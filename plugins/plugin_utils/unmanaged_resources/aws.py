# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Resources of AWS that a plan would create and that exist already, left by an interrupted apply or a destruction."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError

with suppress(ImportError):  # AwsActionModule says what is missing
    from botocore.exceptions import ClientError

# What the AWS provider waits for App Runner.
_LONGEST_OPERATION_SECONDS = 1200
# Every resource of an app has these, and no two apps have the same values and the same name.
_OWNER_TAGS = ("Environment", "ManagedBy", "Project")
_BEING_DELETED = "it is being deleted. Run again when it is gone"

Json = dict[str, Any]
Client = Callable[[str], Any]


class NotKnownYetError(Exception):
    """The plan does not know a value, because what it comes from does not exist (or is not imported) yet."""


class Planned(Json):
    """Planned values of a resource. Reading one the plan does not know raises NotKnownYetError."""

    def __missing__(self, key: str) -> Any:
        raise NotKnownYetError(key)

    @property
    def tags(self) -> dict[str, str]:
        """Its tags; those of an Auto Scaling group stand elsewhere, since they say whether instances have them too."""
        return _tags(self["tag"], "key", "value") if "tag" in self else self["tags_all"]


class Found(NamedTuple):
    """A resource that exists.

    Attributes:
        id: what `terraform import` takes.
        tags: its tags; None for a part of another resource, which has none of its own.
        obstacle: why it cannot be imported although it is ours, and what to do; empty where it can.
        finish: the call to make before it is imported: one that the provider had still to make, where no later plan
            would miss it, or one without which it cannot be imported.
    """

    id: str
    tags: dict[str, str] | None
    obstacle: str = ""
    finish: Callable[[], object] | None = None


Finder = Callable[[Client, Planned], Iterable[Found]]


def _tags(listed: Iterable[Json], key: str = "Key", value: str = "Value") -> dict[str, str]:
    return {tag[key]: tag[value] for tag in listed}


def _unless_missing(call: Callable[..., Json], *codes: str, **arguments: Any) -> Json:
    """The answer of a call, or nothing where the error says that there is no such thing."""
    try:
        return call(**arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] not in codes:
            raise
        return {}


def _by_tags(operation: str, member: str, identifier: str, filters: str = "Filters") -> Finder:
    """A finder of EC2 things that have no name but the tag Name: whatever has all of the tags is ours.

    Args:
        operation: operation of EC2 that describes them.
        member: member of its answer that lists them.
        identifier: member of each that holds its id.
        filters: what the operation calls its filters.
    """

    def find(client: Client, planned: Planned) -> Iterator[Found]:
        wanted = {key: planned.tags[key] for key in (*_OWNER_TAGS, "Name")}
        arguments = {filters: [{"Name": f"tag:{key}", "Values": [value]} for key, value in wanted.items()]}
        for item in getattr(client("ec2"), operation)(**arguments)[member]:
            tags = _tags(item.get("Tags", []))
            # What is deleted is still listed for an hour.
            is_there = item.get("State", "").lower() not in ("deleting", "deleted", "failed")
            if is_there and wanted.items() <= tags.items():
                yield Found(item[identifier], tags)

    return find


def _route(client: Client, planned: Planned) -> Iterator[Found]:
    table, destination = planned["route_table_id"], planned["destination_cidr_block"]
    for item in client("ec2").describe_route_tables(RouteTableIds=[table])["RouteTables"]:
        if any(route.get("DestinationCidrBlock") == destination for route in item["Routes"]):
            yield Found(f"{table}_{destination}", None)


def _route_table_association(client: Client, planned: Planned) -> Iterator[Found]:
    table, subnet = planned["route_table_id"], planned["subnet_id"]
    for item in client("ec2").describe_route_tables(RouteTableIds=[table])["RouteTables"]:
        if any(association.get("SubnetId") == subnet for association in item["Associations"]):
            yield Found(f"{subnet}/{table}", None)


def _security_group(client: Client, planned: Planned) -> Iterator[Found]:
    ec2 = client("ec2")
    filters = {"group-name": planned["name"], "vpc-id": planned["vpc_id"]}
    answer = ec2.describe_security_groups(Filters=[{"Name": k, "Values": [v]} for k, v in filters.items()])
    for group in answer["SecurityGroups"]:
        # AWS lets a new group reach everything; the provider takes that back in a second call.
        everything = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
        is_open = any(everything.items() <= rule.items() for rule in group["IpPermissionsEgress"])
        close = partial(ec2.revoke_security_group_egress, GroupId=group["GroupId"], IpPermissions=[everything])
        yield Found(group["GroupId"], _tags(group.get("Tags", [])), finish=close if is_open else None)


def _security_group_rule(is_egress: bool) -> Finder:
    def find(client: Client, planned: Planned) -> Iterator[Found]:
        wanted = (
            planned["ip_protocol"],
            planned["from_port"],
            planned["to_port"],
            planned["cidr_ipv4"],
            planned["referenced_security_group_id"],
        )
        filters = [{"Name": "group-id", "Values": [planned["security_group_id"]]}]
        for rule in client("ec2").describe_security_group_rules(Filters=filters)["SecurityGroupRules"]:
            found = (
                rule["IpProtocol"],
                rule["FromPort"],
                rule["ToPort"],
                rule.get("CidrIpv4"),
                rule.get("ReferencedGroupInfo", {}).get("GroupId"),
            )
            if found == wanted and rule["IsEgress"] == is_egress:
                yield Found(rule["SecurityGroupRuleId"], None)

    return find


def _db_instance(client: Client, planned: Planned) -> Iterator[Found]:
    name = planned["identifier"]
    rds = client("rds")
    answer = _unless_missing(rds.describe_db_instances, "DBInstanceNotFound", DBInstanceIdentifier=name)
    for item in answer.get("DBInstances", []):
        deleting = item["DBInstanceStatus"] == "deleting"
        yield Found(name, _tags(item["TagList"]), _BEING_DELETED if deleting else "")


def _db_group(operation: str, argument: str, member: str, arn: str, missing: str) -> Finder:
    def find(client: Client, planned: Planned) -> Iterator[Found]:
        rds = client("rds")
        answer = _unless_missing(getattr(rds, operation), missing, **{argument: planned["name"]})
        for item in answer.get(member, []):
            tags = rds.list_tags_for_resource(ResourceName=item[arn])["TagList"]
            yield Found(planned["name"], _tags(tags))

    return find


def _log_group(client: Client, planned: Planned) -> Iterator[Found]:
    logs = client("logs")
    for group in logs.describe_log_groups(logGroupNamePrefix=planned["name"])["logGroups"]:
        if group["logGroupName"] == planned["name"]:
            arn = group["arn"].removesuffix(":*")
            yield Found(planned["name"], logs.list_tags_for_resource(resourceArn=arn)["tags"])


def _secret(client: Client, planned: Planned) -> Iterator[Found]:
    secrets = client("secretsmanager")
    secret = _unless_missing(secrets.describe_secret, "ResourceNotFoundException", SecretId=planned["name"])
    if secret:
        # Its name is taken until its recovery window has passed, and the provider does not see it. It is given a new
        # value, as every secret without a version in the state.
        restore = partial(secrets.restore_secret, SecretId=secret["ARN"]) if "DeletedDate" in secret else None
        yield Found(secret["ARN"], _tags(secret.get("Tags", [])), finish=restore)


def _bucket(client: Client, planned: Planned) -> Iterator[Found]:
    s3, name = client("s3"), planned["bucket"]
    # 403: it is another account's, which Terraform's own error says better.
    if _unless_missing(s3.head_bucket, "403", "404", Bucket=name):
        answer = _unless_missing(s3.get_bucket_tagging, "NoSuchTagSet", Bucket=name)
        # The provider tags a bucket in a second call.
        yield Found(name, _tags(answer["TagSet"]) if answer else None)


def _repository(client: Client, planned: Planned) -> Iterator[Found]:
    ecr, name = client("ecr"), planned["name"]
    answer = _unless_missing(ecr.describe_repositories, "RepositoryNotFoundException", repositoryNames=[name])
    for item in answer.get("repositories", []):
        yield Found(name, _tags(ecr.list_tags_for_resource(resourceArn=item["repositoryArn"])["tags"]))


def _iam(operation: str, argument: str, member: str) -> Finder:
    def find(client: Client, planned: Planned) -> Iterator[Found]:
        answer = _unless_missing(getattr(client("iam"), operation), "NoSuchEntity", **{argument: planned["name"]})
        if answer:
            yield Found(planned["name"], _tags(answer[member].get("Tags", [])))

    return find


def _iam_policy(client: Client, planned: Planned) -> Iterator[Found]:
    iam = client("iam")
    for page in iam.get_paginator("list_policies").paginate(Scope="Local", PathPrefix=planned["path"]):
        for policy in page["Policies"]:
            if policy["PolicyName"] == planned["name"]:
                yield Found(policy["Arn"], _tags(iam.list_policy_tags(PolicyArn=policy["Arn"])["Tags"]))


def _budget(client: Client, planned: Planned) -> Iterator[Found]:
    identity, name = client("sts").get_caller_identity(), planned["name"]
    account = identity["Account"]
    describe = client("budgets").describe_budget
    if _unless_missing(describe, "NotFoundException", AccountId=account, BudgetName=name):
        arn = f"arn:{identity['Arn'].split(':')[1]}:budgets::{account}:budget/{name}"
        tags = client("budgets").list_tags_for_resource(ResourceARN=arn)["ResourceTags"]
        yield Found(f"{account}:{name}", _tags(tags))


def _launch_template(client: Client, planned: Planned) -> Iterator[Found]:
    filters = [{"Name": "launch-template-name", "Values": [planned["name"]]}]
    for item in client("ec2").describe_launch_templates(Filters=filters)["LaunchTemplates"]:
        yield Found(item["LaunchTemplateId"], _tags(item.get("Tags", [])))


def _auto_scaling_group(client: Client, planned: Planned) -> Iterator[Found]:
    answer = client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[planned["name"]])
    for item in answer["AutoScalingGroups"]:
        # It has a status only while it is being deleted.
        yield Found(planned["name"], _tags(item.get("Tags", [])), _BEING_DELETED if item.get("Status") else "")


def _app_runner_tags(client: Client, arn: str) -> dict[str, str]:
    return _tags(client("apprunner").list_tags_for_resource(ResourceArn=arn)["Tags"])


def _app_runner_service(client: Client, planned: Planned) -> Iterator[Found]:
    # boto3 has no paginator for it; an account has 30 services at most, which is less than two pages.
    page = client("apprunner").list_services()
    items = page["ServiceSummaryList"]
    if "NextToken" in page:
        items += client("apprunner").list_services(NextToken=page["NextToken"])["ServiceSummaryList"]
    for item in items:
        if item["ServiceName"] != planned["service_name"]:
            continue
        arn = item["ServiceArn"]
        status = _app_runner_status(client, arn)
        obstacle = ""
        if status.endswith("FAILED"):
            obstacle = f"it is {status}. Delete it (aws apprunner delete-service --service-arn {arn}) and run again"
        if status != "DELETED":
            yield Found(arn, _app_runner_tags(client, arn), obstacle)


def _app_runner_status(client: Client, arn: str) -> str:
    """Status of a service, as soon as no operation is under way: none can be begun before."""
    deadline = time.monotonic() + _LONGEST_OPERATION_SECONDS
    while True:
        status = str(client("apprunner").describe_service(ServiceArn=arn)["Service"]["Status"])
        if status != "OPERATION_IN_PROGRESS":
            return status
        if time.monotonic() > deadline:
            raise ActionError(f"{arn} has been at work for {_LONGEST_OPERATION_SECONDS} s. Run again when it is done.")
        time.sleep(1)


def _app_runner_scaling(client: Client, planned: Planned) -> Iterator[Found]:
    name = planned["auto_scaling_configuration_name"]
    answer = client("apprunner").list_auto_scaling_configurations(AutoScalingConfigurationName=name, LatestOnly=True)
    for item in answer["AutoScalingConfigurationSummaryList"]:
        arn = item["AutoScalingConfigurationArn"]
        yield Found(arn, _app_runner_tags(client, arn))


def _app_runner_connector(client: Client, planned: Planned) -> Iterator[Found]:
    # An account has 10 at most.
    for item in client("apprunner").list_vpc_connectors()["VpcConnectors"]:
        if item["VpcConnectorName"] == planned["vpc_connector_name"]:
            yield Found(item["VpcConnectorArn"], _app_runner_tags(client, item["VpcConnectorArn"]))


def _ecs_cluster(client: Client, planned: Planned) -> Iterator[Found]:
    for item in client("ecs").describe_clusters(clusters=[planned["name"]], include=["TAGS"])["clusters"]:
        if item["status"] == "ACTIVE":
            yield Found(planned["name"], _tags(item.get("tags", []), "key", "value"))


def _ecs_service(client: Client, planned: Planned) -> Iterator[Found]:
    cluster, name = planned["cluster"], planned["name"]
    answer = _unless_missing(
        client("ecs").describe_services,
        "ClusterNotFoundException",
        cluster=cluster,
        services=[name],
        include=["TAGS"],
    )
    for item in answer.get("services", []):
        if item["status"] == "ACTIVE":
            yield Found(f"{cluster.rsplit('/')[-1]}/{name}", _tags(item.get("tags", []), "key", "value"))


def _task_definition(client: Client, planned: Planned) -> Iterator[Found]:
    # The newest revision; where it is not what the plan wants, Terraform replaces it as it always does.
    answer = _unless_missing(
        client("ecs").describe_task_definition,
        "ClientException",
        taskDefinition=planned["family"],
        include=["TAGS"],
    )
    if answer and answer["taskDefinition"]["status"] == "ACTIVE":
        yield Found(answer["taskDefinition"]["taskDefinitionArn"], _tags(answer.get("tags", []), "key", "value"))


def _schedule_group(client: Client, planned: Planned) -> Iterator[Found]:
    scheduler, name = client("scheduler"), planned["name"]
    group = _unless_missing(scheduler.get_schedule_group, "ResourceNotFoundException", Name=name)
    if group:
        deleting = group["State"] == "DELETING"
        tags = scheduler.list_tags_for_resource(ResourceArn=group["Arn"])["Tags"]
        yield Found(name, _tags(tags), _BEING_DELETED if deleting else "")


def _schedule(client: Client, planned: Planned) -> Iterator[Found]:
    group, name = planned["group_name"], planned["name"]
    get = client("scheduler").get_schedule
    if _unless_missing(get, "ResourceNotFoundException", GroupName=group, Name=name):
        yield Found(f"{group}/{name}", None)


def _load_balancer_part(operation: str, missing: str, member: str, arn: str) -> Finder:
    def find(client: Client, planned: Planned) -> Iterator[Found]:
        elb = client("elbv2")
        answer = _unless_missing(getattr(elb, operation), missing, Names=[planned["name"]])
        for item in answer.get(member, []):
            described = elb.describe_tags(ResourceArns=[item[arn]])["TagDescriptions"]
            yield Found(item[arn], _tags(described[0]["Tags"]))

    return find


def _listener(client: Client, planned: Planned) -> Iterator[Found]:
    describe = client("elbv2").describe_listeners
    for item in describe(LoadBalancerArn=planned["load_balancer_arn"])["Listeners"]:
        if item["Port"] == planned["port"]:
            yield Found(item["ListenerArn"], None)


def _listener_rule(client: Client, planned: Planned) -> Iterator[Found]:
    elb = client("elbv2")
    wanted = [set(header["values"]) for condition in planned["condition"] for header in condition["host_header"]]
    for rule in elb.describe_rules(ListenerArn=planned["listener_arn"])["Rules"]:
        fields = [condition for condition in rule["Conditions"] if condition["Field"] == "host-header"]
        if fields and [set(field["HostHeaderConfig"]["Values"]) for field in fields] == wanted:
            described = elb.describe_tags(ResourceArns=[rule["RuleArn"]])["TagDescriptions"]
            yield Found(rule["RuleArn"], _tags(described[0]["Tags"]))


def _certificate(client: Client, planned: Planned) -> Iterator[Found]:
    acm = client("acm")
    ours = []
    for page in acm.get_paginator("list_certificates").paginate():
        for item in page["CertificateSummaryList"]:
            if item["DomainName"] == planned["domain_name"]:
                arn = item["CertificateArn"]
                tags = _tags(acm.list_tags_for_certificate(CertificateArn=arn)["Tags"])
                # Any number of certificates may be for one name, and others' are none of our business.
                if _owner(tags) == _owner(planned.tags):
                    certificate = acm.describe_certificate(CertificateArn=arn)["Certificate"]
                    ours.append((certificate["CreatedAt"], Found(arn, tags)))
    if ours:
        yield max(ours)[1]


def _zone(client: Client, planned: Planned) -> Iterator[Found]:
    route53 = client("route53")
    name = planned["name"].rstrip(".") + "."
    for zone in route53.list_hosted_zones_by_name(DNSName=name)["HostedZones"]:
        # Any number of zones may have one name. The provider tags a zone in a second call.
        if zone["Name"] == name and zone["Config"].get("Comment") == planned["comment"]:
            identifier = zone["Id"].rsplit("/")[-1]
            answer = route53.list_tags_for_resource(ResourceType="hostedzone", ResourceId=identifier)
            yield Found(identifier, _tags(answer["ResourceTagSet"]["Tags"]) or None)


def _record(client: Client, planned: Planned) -> Iterator[Found]:
    zone, name, kind = planned["zone_id"], planned["name"], planned["type"]
    answer = client("route53").list_resource_record_sets(
        HostedZoneId=zone, StartRecordName=name, StartRecordType=kind, MaxItems="1"
    )
    for record in answer["ResourceRecordSets"]:
        if (record["Name"].rstrip("."), record["Type"]) == (name.rstrip("."), kind):
            # A record has no tags: it is ours when it leads to what the plan wants it to lead to.
            aliases = [Planned(alias)["name"] for alias in planned.get("alias") or []]
            wanted = aliases or planned["records"]
            yield Found(f"{zone}_{name}_{kind}", None, obstacle=_leads_elsewhere(record, wanted))


def _leads_elsewhere(record: Json, wanted: list[str]) -> str:
    """What is wrong with a record that leads somewhere else; empty where nothing is."""
    values = [value["Value"] for value in record.get("ResourceRecords", [])]
    found = [record["AliasTarget"]["DNSName"]] if "AliasTarget" in record else values
    names = [{name.rstrip(".").lower().removeprefix("dualstack.") for name in some} for some in (found, wanted)]
    return "" if names[0] == names[1] else f"it leads to {', '.join(found)} and is not this environment's"


# Types whose second creation fails or makes a second one, and how the first one is found.
FINDERS: dict[str, Finder] = {
    "aws_acm_certificate": _certificate,
    "aws_apprunner_auto_scaling_configuration_version": _app_runner_scaling,
    "aws_apprunner_service": _app_runner_service,
    "aws_apprunner_vpc_connector": _app_runner_connector,
    "aws_autoscaling_group": _auto_scaling_group,
    "aws_budgets_budget": _budget,
    "aws_cloudwatch_log_group": _log_group,
    "aws_db_instance": _db_instance,
    "aws_db_parameter_group": _db_group(
        "describe_db_parameter_groups",
        "DBParameterGroupName",
        "DBParameterGroups",
        "DBParameterGroupArn",
        "DBParameterGroupNotFound",
    ),
    "aws_db_subnet_group": _db_group(
        "describe_db_subnet_groups",
        "DBSubnetGroupName",
        "DBSubnetGroups",
        "DBSubnetGroupArn",
        "DBSubnetGroupNotFoundFault",
    ),
    "aws_ecr_repository": _repository,
    "aws_ecs_cluster": _ecs_cluster,
    "aws_ecs_service": _ecs_service,
    "aws_ecs_task_definition": _task_definition,
    "aws_eip": _by_tags("describe_addresses", "Addresses", "AllocationId"),
    "aws_flow_log": _by_tags("describe_flow_logs", "FlowLogs", "FlowLogId", filters="Filter"),
    "aws_iam_instance_profile": _iam("get_instance_profile", "InstanceProfileName", "InstanceProfile"),
    "aws_iam_policy": _iam_policy,
    "aws_iam_role": _iam("get_role", "RoleName", "Role"),
    "aws_internet_gateway": _by_tags("describe_internet_gateways", "InternetGateways", "InternetGatewayId"),
    "aws_launch_template": _launch_template,
    "aws_lb": _load_balancer_part(
        "describe_load_balancers", "LoadBalancerNotFound", "LoadBalancers", "LoadBalancerArn"
    ),
    "aws_lb_listener": _listener,
    "aws_lb_listener_rule": _listener_rule,
    "aws_lb_target_group": _load_balancer_part(
        "describe_target_groups", "TargetGroupNotFound", "TargetGroups", "TargetGroupArn"
    ),
    "aws_nat_gateway": _by_tags("describe_nat_gateways", "NatGateways", "NatGatewayId", filters="Filter"),
    "aws_route": _route,
    "aws_route53_record": _record,
    "aws_route53_zone": _zone,
    "aws_route_table": _by_tags("describe_route_tables", "RouteTables", "RouteTableId"),
    "aws_route_table_association": _route_table_association,
    "aws_s3_bucket": _bucket,
    "aws_scheduler_schedule": _schedule,
    "aws_scheduler_schedule_group": _schedule_group,
    "aws_secretsmanager_secret": _secret,
    "aws_security_group": _security_group,
    "aws_subnet": _by_tags("describe_subnets", "Subnets", "SubnetId"),
    "aws_vpc": _by_tags("describe_vpcs", "Vpcs", "VpcId"),
    "aws_vpc_endpoint": _by_tags("describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId"),
    "aws_vpc_security_group_egress_rule": _security_group_rule(is_egress=True),
    "aws_vpc_security_group_ingress_rule": _security_group_rule(is_egress=False),
}

# Types that are simply created again: AWS replaces what is there, or there is nothing in AWS.
REPEATABLE = frozenset(
    {
        "aws_acm_certificate_validation",  # waits, and makes nothing
        "aws_appautoscaling_policy",  # PutScalingPolicy
        "aws_appautoscaling_target",  # RegisterScalableTarget
        "aws_autoscaling_lifecycle_hook",  # PutLifecycleHook
        "aws_autoscaling_policy",  # PutScalingPolicy
        "aws_cloudwatch_event_rule",  # PutRule
        "aws_cloudwatch_metric_alarm",  # PutMetricAlarm
        "aws_default_security_group",  # takes over the group that AWS made with the VPC
        "aws_ecr_lifecycle_policy",  # PutLifecyclePolicy
        "aws_ecs_cluster_capacity_providers",  # PutClusterCapacityProviders
        "aws_iam_role_policy",  # PutRolePolicy
        "aws_iam_role_policy_attachment",  # AttachRolePolicy
        "aws_s3_bucket_lifecycle_configuration",  # PutBucketLifecycleConfiguration
        "aws_s3_bucket_logging",  # PutBucketLogging
        "aws_s3_bucket_ownership_controls",  # PutBucketOwnershipControls
        "aws_s3_bucket_policy",  # PutBucketPolicy
        "aws_s3_bucket_public_access_block",  # PutPublicAccessBlock
        "aws_s3_bucket_server_side_encryption_configuration",  # PutBucketEncryption
        "aws_s3_bucket_versioning",  # PutBucketVersioning
        "aws_secretsmanager_secret_version",  # PutSecretValue: a new version, which the database is given
        "terraform_data",  # nothing but state
    }
)


def _owner(tags: dict[str, str]) -> list[str | None]:
    return [tags.get(key) for key in _OWNER_TAGS]


def find_unmanaged(client: Client, creations: list[Json]) -> list[dict[str, str]]:
    """What exists of the resources that a plan would create, ready to be imported.

    A resource whose place is not known yet (a subnet's route table, say) is found in a later plan, once
    the other is imported.

    Args:
        client: makes a boto3 client for a service.
        creations: address, type and known planned values of each resource.

    Returns:
        Address and import id of each that exists.

    Raises:
        ActionError: something exists that cannot be imported.
    """
    resources: list[dict[str, str]] = []
    obstacles: list[str] = []
    unfinished: list[Callable[[], object]] = []
    for creation in creations:
        address, planned = creation["address"], Planned(creation["values"])
        finder = FINDERS.get(creation["type"])
        try:
            found = list(finder(client, planned)) if finder else []
        except NotKnownYetError:
            continue
        for one in found:
            if one.tags is not None and _owner(one.tags) != _owner(planned.tags):
                wanted = ", ".join(f"{key}={planned.tags.get(key)}" for key in _OWNER_TAGS)
                obstacles.append(
                    f"{address}: {one.id} exists and was not made by this environment: it lacks the tags "
                    f"{wanted}. Give one of the two another name, or give it these tags to have it imported."
                )
            elif one.obstacle:
                obstacles.append(f"{address}: {one.id} cannot be imported: {one.obstacle}.")
        if len(found) > 1:
            obstacles.append(
                f"{address}: there are {' and '.join(one.id for one in found)}. Delete what is not in use."
            )
        resources += [{"address": address, "id": one.id} for one in found]
        unfinished += [one.finish for one in found if one.finish]
    if obstacles:
        raise ActionError("\n".join(["The plan cannot be applied, and nothing was changed.", *obstacles]))
    for finish in unfinished:
        finish()
    return resources
