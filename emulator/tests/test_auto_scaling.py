"""Auto Scaling groups whose instances run the layer's user data: launch, health, scaling, refresh, rollback, end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import docker
import pytest
from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError
from ansible_collections.slipway.provision.plugins.plugin_utils.deployment import Request
from ansible_collections.slipway.provision.plugins.plugin_utils.deployments.ec2 import Deployment
from botocore.exceptions import ClientError

from emulator.tests.groups import HOOK, LOG_GROUP, Groups, Process
from emulator.tests.stack import (
    Balancer,
    Client,
    Load,
    ask,
    aws_environment,
    machine_reaches,
    main_table,
    wait_until,
)
from slipway_emulator.ec2.instances import INSTANCE_LABEL
from slipway_emulator.settings import Settings

WEB = "temu-web"
METADATA = (
    "python3",
    "-c",
    """
import urllib.request
base = "http://169.254.169.254/latest/"
lifetime = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}
token = urllib.request.urlopen(urllib.request.Request(base + "api/token", headers=lifetime, method="PUT")).read()
headers = {"X-aws-ec2-metadata-token": token.decode()}
request = urllib.request.Request(base + "meta-data/instance-id", headers=headers)
print(urllib.request.urlopen(request).read().decode(), end="")
""",
)

Json = dict[str, Any]


@pytest.fixture(scope="module")
def balancer(aws: Client) -> Iterator[Balancer]:
    # The same port that the application listens on: groups register instances at the target group's own.
    balancer = Balancer(aws, "temu-ec2", "instance", 8000)
    yield balancer
    balancer.remove()


@pytest.fixture(scope="module")
def groups(aws: Client, balancer: Balancer, image: str, tmp_path_factory: pytest.TempPathFactory) -> Groups:
    return Groups(aws, balancer, image, tmp_path_factory.mktemp("console"))


@pytest.fixture(scope="module")
def web(groups: Groups) -> Iterator[Json]:
    """A group of two healthy instances; what they were launched from."""
    template = groups.define(WEB, groups.data(APP_NAME="web"))
    groups.create(WEB, template)
    wait_until(lambda: groups.is_steady(WEB, 2))
    yield template
    groups.remove(WEB)


def inside(engine: docker.DockerClient, instance: str, *command: str) -> tuple[int, str]:
    """Exit status and output of a command in an instance."""
    labels = ["ministack=ec2", f"{INSTANCE_LABEL}={instance}"]
    (container,) = engine.containers.list(filters={"label": labels})
    result = container.exec_run(list(command))
    return result.exit_code, result.output.decode()


def containers_of(engine: docker.DockerClient, instance: str) -> list[Any]:
    found: list[Any] = engine.containers.list(all=True, filters={"label": f"{INSTANCE_LABEL}={instance}"})
    return found


class TestLaunch:
    """What a group and its instances are when they have been launched."""

    def test_group_serves(self, groups: Groups, balancer: Balancer, cloud: Settings, web: Json) -> None:
        members = groups.members(WEB)
        assert sorted(member["AvailabilityZone"] for member in members) == ["us-east-1a", "us-east-1b"]
        assert {member["LaunchTemplate"]["Version"] for member in members} == {web["Version"]}
        assert {member["HealthStatus"] for member in members} == {"Healthy"}
        assert ask(cloud, balancer.dns_name) == (200, "1")

    @pytest.mark.usefixtures("web")
    def test_instance_is_as_the_template_says(self, groups: Groups) -> None:
        identifier = groups.members(WEB)[0]["InstanceId"]
        instance = groups.ec2.describe_instances(InstanceIds=[identifier])["Reservations"][0]["Instances"][0]
        assert instance["State"]["Name"] == "running"
        assert instance["MetadataOptions"]["HttpTokens"] == "required"
        assert not instance.get("PublicIpAddress")
        tags = {tag["Key"]: tag["Value"] for tag in instance["Tags"]}
        assert (tags["Name"], tags["aws:autoscaling:groupName"]) == (WEB, WEB)
        volume = groups.ec2.describe_volumes(VolumeIds=[instance["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]])
        assert (volume["Volumes"][0]["Encrypted"], volume["Volumes"][0]["Size"]) == (True, 10)

    @pytest.mark.usefixtures("web")
    def test_what_is_tagged_is_listed(self, aws: Client) -> None:
        filters = [{"Key": "Name", "Values": [WEB]}]
        found = aws("resourcegroupstaggingapi").get_resources(TagFilters=filters)["ResourceTagMappingList"]
        kinds = sorted(one["ResourceARN"].split(":", 5)[5].partition("/")[0] for one in found)
        assert kinds[-2:] == ["instance", "instance"]
        assert kinds[0].startswith("autoScalingGroup:")

    @pytest.mark.usefixtures("web")
    def test_user_data_runs_and_logs_arrive(self, groups: Groups, engine: docker.DockerClient) -> None:
        identifier = groups.members(WEB)[0]["InstanceId"]
        assert groups.log(identifier) == ["version 1 starts"]
        assert "cloud-init: finished" in groups.console(identifier)
        assert inside(engine, identifier, "systemctl", "is-active", "app.service") == (0, "active\n")
        (app,) = [one for one in containers_of(engine, identifier) if one.labels["ministack"] == "ec2-container"]
        assert app.attrs["HostConfig"]["ReadonlyRootfs"]
        assert app.attrs["Config"]["Healthcheck"] == {"Test": ["NONE"]}
        assert app.attrs["Config"]["User"] == "10001"
        assert (app.attrs["HostConfig"]["Memory"], app.attrs["HostConfig"]["MemorySwap"]) == (128 << 20, 128 << 20)
        assert "APP_NAME=web" in app.attrs["Config"]["Env"]

    @pytest.mark.usefixtures("web")
    def test_way_out_is_by_routes(self, groups: Groups, engine: docker.DockerClient, image: str) -> None:
        """Without a NAT gateway there is no API and no registry, and all the same the metadata service."""
        ec2, identifier = groups.ec2, groups.members(WEB)[0]["InstanceId"]
        instance = ec2.describe_instances(InstanceIds=[identifier])["Reservations"][0]["Instances"][0]
        assert not machine_reaches(instance["PrivateIpAddress"])
        table = main_table(ec2, instance["VpcId"])
        (route,) = (
            route
            for route in ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
            if "NatGatewayId" in route
        )
        ask_api = ("aws", "sts", "get-caller-identity", "--region", "us-east-1")
        assert inside(engine, identifier, *ask_api)[0] == 0
        anywhere = {"RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0"}
        ec2.delete_route(**anywhere)
        try:
            assert inside(engine, identifier, "timeout", "20", *ask_api)[0] == 124
            status, said = inside(engine, identifier, "docker", "pull", image)
            assert (status, "request canceled while waiting for connection" in said) == (1, True)
            assert inside(engine, identifier, *METADATA) == (0, identifier)
        finally:
            ec2.create_route(**anywhere, NatGatewayId=route["NatGatewayId"])
        assert inside(engine, identifier, *ask_api)[0] == 0

    @pytest.mark.usefixtures("web")
    def test_metadata_needs_a_token(self, groups: Groups, engine: docker.DockerClient) -> None:
        identifier = groups.members(WEB)[0]["InstanceId"]
        program = """
import json, urllib.error, urllib.request
base = "http://169.254.169.254/latest/"
def ask(path, headers={}, method="GET"):
    request = urllib.request.Request(base + path, headers=headers, method=method)
    try:
        return urllib.request.urlopen(request).read().decode()
    except urllib.error.HTTPError as error:
        return error.code
token = ask("api/token", {"X-aws-ec2-metadata-token-ttl-seconds": "60"}, "PUT")
mine = {"X-aws-ec2-metadata-token": token}
role = ask("meta-data/iam/security-credentials/", mine)
print(json.dumps({
    "without": ask("meta-data/instance-id"),
    "wrong": ask("meta-data/instance-id", {"X-aws-ec2-metadata-token": "x"}),
    "no lifetime": ask("api/token", {}, "PUT"),
    "id": ask("meta-data/instance-id", mine),
    "role": role,
    "credentials": sorted(json.loads(ask("meta-data/iam/security-credentials/" + role, mine))),
    "identity": json.loads(ask("dynamic/instance-identity/document", mine))["instanceId"],
    "nothing": ask("meta-data/nothing", mine),
}))
"""
        status, output = inside(engine, identifier, "python3", "-c", program)
        assert status == 0, output
        assert json.loads(output) == {
            "without": 401,
            "wrong": 401,
            "no lifetime": 400,
            "id": identifier,
            "role": "temu-instance",
            "credentials": [
                "AccessKeyId",
                "Code",
                "Expiration",
                "LastUpdated",
                "SecretAccessKey",
                "Token",
                "Type",
            ],
            "identity": identifier,
            "nothing": 404,
        }

    @pytest.mark.usefixtures("web")
    def test_application_has_the_role(self, groups: Groups, engine: docker.DockerClient) -> None:
        """A container of the instance reaches the metadata service, and AWS by the endpoint it was given."""
        identifier = groups.members(WEB)[0]["InstanceId"]
        status, output = inside(engine, identifier, "aws", "sts", "get-caller-identity", "--region", "us-east-1")
        assert status == 0, output
        (app,) = [one for one in containers_of(engine, identifier) if one.labels["ministack"] == "ec2-container"]
        program = """
import urllib.request
lifetime = {"X-aws-ec2-metadata-token-ttl-seconds": "1"}
urllib.request.urlopen(urllib.request.Request("http://169.254.169.254/latest/api/token", None, lifetime, method="PUT"))
"""
        assert app.exec_run(["python3", "-c", program]).exit_code == 0

    @pytest.mark.usefixtures("web")
    def test_systems_manager_reaches_the_instance(self, aws: Client, groups: Groups, image: str) -> None:
        identifier, ssm = groups.members(WEB)[0]["InstanceId"], aws("ssm")
        command = "docker inspect --format '{{.Config.Image}}' app"
        sent = ssm.send_command(
            InstanceIds=[identifier], DocumentName="AWS-RunShellScript", Parameters={"commands": [command]}
        )["Command"]["CommandId"]

        def result() -> Json | None:
            answer: Json = ssm.get_command_invocation(CommandId=sent, InstanceId=identifier)
            return answer if answer["Status"] in ("Success", "Failed") else None

        answer = wait_until(result)
        assert (answer["Status"], answer["StandardOutputContent"]) == ("Success", f"{image}\n")


class TestHealth:
    """Instances that fail are replaced, and the group goes on serving."""

    @pytest.mark.usefixtures("web")
    def test_instance_that_dies_is_replaced(self, groups: Groups, engine: docker.DockerClient) -> None:
        lost = groups.members(WEB)[0]["InstanceId"]
        (machine,) = engine.containers.list(filters={"label": ["ministack=ec2", f"{INSTANCE_LABEL}={lost}"]})
        machine.kill()
        wait_until(lambda: lost not in {one["InstanceId"] for one in groups.describe(WEB)["Instances"]})
        wait_until(lambda: groups.is_steady(WEB, 2))
        activities = groups.scaling.describe_scaling_activities(AutoScalingGroupName=WEB)["Activities"]
        (ended,) = [one for one in activities if one["Description"] == f"Terminating EC2 instance: {lost}"]
        assert "in response to an EC2 health check" in ended["Cause"]
        assert containers_of(engine, lost) == []

    @pytest.mark.usefixtures("web")
    def test_application_that_ends_is_started_again(
        self, aws: Client, groups: Groups, balancer: Balancer, engine: docker.DockerClient
    ) -> None:
        identifier = groups.members(WEB)[0]["InstanceId"]
        (app,) = [one for one in containers_of(engine, identifier) if one.labels["ministack"] == "ec2-container"]
        # A busy machine may start it later than the load balancer waits for it.
        aws("elbv2").modify_target_group(TargetGroupArn=balancer.group, UnhealthyThresholdCount=10)
        try:
            app.kill()
            wait_until(lambda: groups.log(identifier) == ["version 1 starts"] * 2)
            wait_until(lambda: groups.is_steady(WEB, 2))
        finally:
            aws("elbv2").modify_target_group(TargetGroupArn=balancer.group, UnhealthyThresholdCount=2)
        assert identifier in {member["InstanceId"] for member in groups.members(WEB)}

    @pytest.mark.usefixtures("web")
    @pytest.mark.parametrize(("least", "most", "has_room"), [(-1, -1, False), (100, 150, True)])
    def test_instance_that_the_load_balancer_fails_is_replaced(
        self, groups: Groups, engine: docker.DockerClient, least: int, most: int, has_room: bool
    ) -> None:
        policy = {"MinHealthyPercentage": least, "MaxHealthyPercentage": most}
        groups.scaling.update_auto_scaling_group(AutoScalingGroupName=WEB, InstanceMaintenancePolicy=policy)
        lost = groups.members(WEB)[0]["InstanceId"]
        assert inside(engine, lost, "systemctl", "stop", "app.service")[0] == 0
        wait_until(lambda: lost not in {one["InstanceId"] for one in groups.describe(WEB)["Instances"]})
        wait_until(lambda: groups.is_steady(WEB, 2))
        activities = groups.scaling.describe_scaling_activities(AutoScalingGroupName=WEB)["Activities"]
        (ended,) = [one for one in activities if one["Description"] == f"Terminating EC2 instance: {lost}"]
        assert "in response to an ELB system health check failure" in ended["Cause"]
        launches = [one["StartTime"] for one in activities if one["Description"].startswith("Launching")]
        next_launch = min(start for start in launches if start >= ended["StartTime"])
        # Without room for another, the one that failed goes first.
        assert (next_launch < ended["EndTime"]) is has_room


class TestScaling:
    """Desired capacity, by hand and by alarms."""

    @pytest.mark.usefixtures("web")
    def test_out_and_in_loses_no_request(
        self, groups: Groups, balancer: Balancer, cloud: Settings, engine: docker.DockerClient
    ) -> None:
        before = {member["InstanceId"] for member in groups.members(WEB)}
        with Load(cloud, balancer.dns_name) as load:
            groups.scaling.set_desired_capacity(AutoScalingGroupName=WEB, DesiredCapacity=3)
            wait_until(lambda: groups.is_steady(WEB, 3))
            groups.scaling.set_desired_capacity(AutoScalingGroupName=WEB, DesiredCapacity=2)
            wait_until(lambda: groups.is_steady(WEB, 2))
        assert load.failures == []
        after = {member["InstanceId"] for member in groups.members(WEB)}
        for gone in before - after:
            assert containers_of(engine, gone) == []

    @pytest.mark.usefixtures("web")
    def test_target_tracking(self, aws: Client, groups: Groups) -> None:
        arguments: Json = {
            "AutoScalingGroupName": WEB,
            "PolicyName": "cpu",
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingConfiguration": {
                "PredefinedMetricSpecification": {"PredefinedMetricType": "ASGAverageCPUUtilization"},
                "TargetValue": 70.0,
            },
        }
        made = groups.scaling.put_scaling_policy(**arguments)
        assert groups.scaling.put_scaling_policy(**arguments)["PolicyARN"] == made["PolicyARN"]
        (policy,) = groups.scaling.describe_policies(AutoScalingGroupName=WEB)["ScalingPolicies"]
        assert policy["TargetTrackingConfiguration"]["TargetValue"] == 70
        watch = aws("cloudwatch")
        high, low = sorted(alarm["AlarmName"] for alarm in policy["Alarms"])
        (alarm,) = watch.describe_alarms(AlarmNames=[high])["MetricAlarms"]
        assert (alarm["Threshold"], alarm["Namespace"]) == (70, "AWS/EC2")
        watch.set_alarm_state(AlarmName=high, StateValue="ALARM", StateReason="test")
        assert groups.describe(WEB)["DesiredCapacity"] == 3
        watch.set_alarm_state(AlarmName=low, StateValue="ALARM", StateReason="test")
        assert groups.describe(WEB)["DesiredCapacity"] == 2
        groups.scaling.delete_policy(AutoScalingGroupName=WEB, PolicyName="cpu")
        assert watch.describe_alarms(AlarmNames=[high, low])["MetricAlarms"] == []
        wait_until(lambda: groups.is_steady(WEB, 2))


class TestRefresh:
    """Instance refreshes, forward and back."""

    @pytest.mark.usefixtures("web")
    def test_loses_no_request(self, groups: Groups, balancer: Balancer, cloud: Settings) -> None:
        before = groups.describe(WEB)["LaunchTemplate"]["Version"]
        template = groups.define(WEB, groups.data(VERSION="2"))
        with Load(cloud, balancer.dns_name) as load:
            identifier = groups.refresh(WEB, template)
            assert groups.describe(WEB)["LaunchTemplate"]["Version"] == before
            record = groups.refreshed(WEB, identifier)
            assert (record["Status"], record["PercentageComplete"]) == ("Successful", 100), record
            wait_until(lambda: groups.is_steady(WEB, 2))
            wait_until(lambda: load.answers[-1][1] == "2")
        assert load.failures == []
        assert {body for _, body in load.answers} == {"1", "2"}
        assert groups.describe(WEB)["LaunchTemplate"]["Version"] == template["Version"]
        assert {one["LaunchTemplate"]["Version"] for one in groups.members(WEB)} == {template["Version"]}
        assert sorted(one["AvailabilityZone"] for one in groups.members(WEB)) == ["us-east-1a", "us-east-1b"]
        # Skip matching: there is nothing left to replace.
        members = {one["InstanceId"] for one in groups.members(WEB)}
        assert groups.refreshed(WEB, groups.refresh(WEB, template))["Status"] == "Successful"
        assert {one["InstanceId"] for one in groups.members(WEB)} == members

    @pytest.mark.usefixtures("web")
    @pytest.mark.parametrize("behaviour", ["crash", "unhealthy"])
    def test_bad_image_rolls_back(self, groups: Groups, balancer: Balancer, cloud: Settings, behaviour: str) -> None:
        before = groups.describe(WEB)["LaunchTemplate"]
        members = {one["InstanceId"] for one in groups.members(WEB)}
        template = groups.define(WEB, groups.data(BEHAVIOUR=behaviour, VERSION="3"))
        with groups.impatient(WEB), Load(cloud, balancer.dns_name) as load:
            record = groups.refreshed(WEB, groups.refresh(WEB, template))
            wait_until(lambda: groups.is_steady(WEB, 2))
        assert record["Status"] == "RollbackSuccessful"
        assert "an ELB system health check failure" in record["StatusReason"]
        assert record["RollbackDetails"]["RollbackReason"].startswith("Automatic rollback")
        assert load.failures == []
        assert "3" not in {body for _, body in load.answers}
        assert groups.describe(WEB)["LaunchTemplate"] == before
        assert {one["InstanceId"] for one in groups.members(WEB)} == members

    @pytest.mark.usefixtures("web")
    def test_manual_rollback_and_cancelling(self, groups: Groups) -> None:
        before = groups.describe(WEB)["LaunchTemplate"]
        template = groups.define(WEB, groups.data(BEHAVIOUR="unhealthy", VERSION="4"))
        identifier = groups.refresh(WEB, template)
        with pytest.raises(ClientError) as refused:
            groups.refresh(WEB, template)
        assert refused.value.response["Error"]["Code"] == "InstanceRefreshInProgress"
        groups.scaling.rollback_instance_refresh(AutoScalingGroupName=WEB)
        assert groups.refreshed(WEB, identifier)["Status"] == "RollbackSuccessful"
        wait_until(lambda: groups.is_steady(WEB, 2))
        assert groups.describe(WEB)["LaunchTemplate"] == before
        identifier = groups.refresh(WEB, template)
        groups.scaling.cancel_instance_refresh(AutoScalingGroupName=WEB)
        assert groups.refreshed(WEB, identifier)["Status"] == "Cancelled"
        wait_until(lambda: groups.is_steady(WEB, 2))

    @pytest.mark.usefixtures("web")
    def test_group_that_was_changed_first_rolls_back_to_what_is_broken(self, groups: Groups) -> None:
        """A rollback goes to what the group was set to last, so nothing may set it before the refresh has succeeded."""
        before = groups.describe(WEB)["LaunchTemplate"]
        good = {"LaunchTemplateId": before["LaunchTemplateId"], "Version": before["Version"]}
        template = groups.define(WEB, groups.data(BEHAVIOUR="unhealthy", VERSION="5"))
        groups.scaling.update_auto_scaling_group(AutoScalingGroupName=WEB, LaunchTemplate=template)
        with groups.impatient(WEB):
            record = groups.refreshed(WEB, groups.refresh(WEB, template, MinHealthyPercentage=50))
        assert record["Status"] == "RollbackFailed"
        assert groups.describe(WEB)["LaunchTemplate"]["Version"] == template["Version"]
        groups.scaling.update_auto_scaling_group(AutoScalingGroupName=WEB, LaunchTemplate=good)
        assert groups.refreshed(WEB, groups.refresh(WEB, good))["Status"] == "Successful"
        wait_until(lambda: groups.is_steady(WEB, 2))


class TestDeployment:
    """What the action service_deployment makes of it, as a deployment uses it."""

    @pytest.fixture(scope="class")
    @classmethod
    def name(cls, groups: Groups) -> Iterator[str]:
        name = "temu-deploy"
        policy = {"MinHealthyPercentage": 100, "MaxHealthyPercentage": 150}
        groups.create(name, groups.define(name, groups.data(VERSION="1")), 1, InstanceMaintenancePolicy=policy)
        yield name
        groups.remove(name)

    @pytest.fixture(autouse=True)
    @staticmethod
    def environment(cloud: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in aws_environment(cloud).items():
            monkeypatch.setenv(name, value)

    @staticmethod
    def deployment(
        groups: Groups, balancer: Balancer, template: Json, seconds: int = 300, *, check_mode: bool = False
    ) -> Deployment:
        """The way to a version."""
        found = groups.ec2.describe_launch_templates(LaunchTemplateNames=[template["LaunchTemplateName"]])
        outputs = {
            "auto_scaling_group_name": template["LaunchTemplateName"],
            "launch_template_id": found["LaunchTemplates"][0]["LaunchTemplateId"],
            "launch_template_version": template["Version"],
            "target_group_arn": balancer.group,
            "log_group_name": LOG_GROUP,
        }
        return Deployment(Request(outputs, "", seconds, "us-east-1", check_mode))

    def deploy(self, groups: Groups, balancer: Balancer, template: Json, seconds: int = 300) -> tuple[str, Deployment]:
        """Id of the refresh, and who followed it."""
        deployment = self.deployment(groups, balancer, template, seconds)
        deployment.begin()
        return deployment.follow(), deployment

    def test_first_deployment_needs_no_refresh(self, groups: Groups, balancer: Balancer, name: str, image: str) -> None:
        template = {"LaunchTemplateName": name, "Version": "1"}
        identifier, deployment = self.deploy(groups, balancer, template)
        assert (identifier, deployment.changed) == ("", False)
        assert deployment.running() == {image: [one["InstanceId"] for one in groups.members(name)]}

    def test_new_version(self, groups: Groups, balancer: Balancer, name: str, image: str) -> None:
        template = groups.define(name, groups.data(VERSION="2"))
        identifier, deployment = self.deploy(groups, balancer, template)
        assert groups.refreshed(name, identifier)["Status"] == "Successful"
        assert set(deployment.running()) == {image}
        assert [one["LaunchTemplate"]["Version"] for one in groups.members(name)] == [template["Version"]]
        again, deployment = self.deploy(groups, balancer, template)
        assert (again, deployment.changed) == ("", False)

    def test_check_starts_nothing(self, groups: Groups, balancer: Balancer, name: str) -> None:
        now = groups.describe(name)["LaunchTemplate"]["Version"]
        known = groups.scaling.describe_instance_refreshes(AutoScalingGroupName=name)["InstanceRefreshes"]
        self.deployment(groups, balancer, {"LaunchTemplateName": name, "Version": now}, check_mode=True).follow()
        wanted = groups.define(name, groups.data(VERSION="unwanted"))
        with pytest.raises(ActionError, match=f"version {now}, asked for was {wanted['Version']}"):
            self.deployment(groups, balancer, wanted, check_mode=True).follow()
        assert groups.scaling.describe_instance_refreshes(AutoScalingGroupName=name)["InstanceRefreshes"] == known

    def test_bad_image(self, groups: Groups, balancer: Balancer, name: str) -> None:
        before = groups.describe(name)["LaunchTemplate"]["Version"]
        template = groups.define(name, groups.data(BEHAVIOUR="crash"))
        with pytest.raises(ActionError) as failed:
            self.deploy(groups, balancer, template)
        message = str(failed.value)
        assert "ended as RollbackSuccessful" in message
        assert "an ELB system health check failure" in message
        assert f"still serves version {before}" in message
        assert "  | it breaks" in message

    def test_image_that_is_not_there(self, groups: Groups, balancer: Balancer, name: str, image: str) -> None:
        missing = f"{image.rpartition(':')[0]}@sha256:{'0' * 64}"
        with pytest.raises(ActionError, match=r"Error response from daemon"):
            self.deploy(groups, balancer, groups.define(name, groups.data(missing)))

    def test_takes_too_long(self, groups: Groups, balancer: Balancer, name: str) -> None:
        template = groups.define(name, groups.data(BEHAVIOUR="unhealthy"))
        with pytest.raises(ActionError, match=r"RollbackSuccessful\. It was not complete after 3 s"):
            self.deploy(groups, balancer, template, 3)

    def test_what_an_interrupted_run_left(self, groups: Groups, balancer: Balancer, name: str) -> None:
        template = groups.define(name, groups.data(VERSION="3"))
        left = groups.refresh(name, groups.define(name, groups.data(BEHAVIOUR="unhealthy")))
        identifier, deployment = self.deploy(groups, balancer, template)
        assert groups.refreshed(name, left)["Status"] == "Cancelled"
        assert deployment.changed
        template = groups.define(name, groups.data(VERSION="4"))
        found = groups.ec2.describe_launch_templates(LaunchTemplateNames=[name])["LaunchTemplates"][0]
        by_id = {"LaunchTemplateId": found["LaunchTemplateId"], "Version": template["Version"]}
        left = groups.refresh(name, by_id)
        identifier, deployment = self.deploy(groups, balancer, template)
        assert (identifier, deployment.changed) == (left, False)


class TestProcess:
    """A group without a load balancer, whose instances say whether their command runs."""

    @pytest.fixture(scope="class")
    @classmethod
    def name(cls, groups: Groups) -> Iterator[str]:
        name = "temu-shop_worker"
        template = groups.define(name, groups.data(process=working(name)))
        # As Terraform's provider makes a group whose first instance already has its hook to wait for.
        groups.create(
            name,
            template,
            0,
            MinSize=0,
            MaxSize=0,
            HealthCheckGracePeriod=0,
            HealthCheckType="EC2",
            InstanceMaintenancePolicy={"MinHealthyPercentage": 100, "MaxHealthyPercentage": 150},
            TargetGroupARNs=[],
        )
        groups.scaling.put_lifecycle_hook(
            AutoScalingGroupName=name,
            LifecycleHookName=HOOK,
            LifecycleTransition="autoscaling:EC2_INSTANCE_LAUNCHING",
            DefaultResult="ABANDON",
            HeartbeatTimeout=600,
        )
        groups.scaling.update_auto_scaling_group(AutoScalingGroupName=name, MinSize=1, MaxSize=2, DesiredCapacity=1)
        yield name
        groups.remove(name)

    @pytest.fixture(autouse=True)
    @staticmethod
    def environment(cloud: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in aws_environment(cloud).items():
            monkeypatch.setenv(name, value)

    @staticmethod
    def deploy(groups: Groups, name: str, template: Json) -> tuple[str, Deployment]:
        """Id of the refresh of a process to a version, and who followed it."""
        found = groups.ec2.describe_launch_templates(LaunchTemplateNames=[name])["LaunchTemplates"][0]
        worker = {
            "auto_scaling_group_name": name,
            "launch_template_id": found["LaunchTemplateId"],
            "launch_template_version": template["Version"],
        }
        outputs = {"log_group_name": LOG_GROUP, "processes": {"worker": worker}}
        deployment = Deployment(Request(outputs, "", 300, "us-east-1"), "worker")
        deployment.begin()
        return deployment.follow(), deployment

    def test_first_instance_waits_until_its_command_has_run(self, groups: Groups, name: str, image: str) -> None:
        states: set[str] = set()

        def in_service() -> bool:
            states.update(one["LifecycleState"] for one in groups.describe(name)["Instances"])
            return "InService" in states

        wait_until(in_service)
        assert "Pending:Wait" in states
        (member,) = groups.members(name)
        assert "works" in groups.log(member["InstanceId"], "worker")
        identifier, deployment = self.deploy(groups, name, {"Version": "1"})
        assert (identifier, deployment.changed) == ("", False)
        assert deployment.running() == {image: [member["InstanceId"]]}

    @pytest.mark.long
    def test_command_that_ends_is_rolled_back(self, groups: Groups, name: str) -> None:
        before = groups.members(name)
        template = groups.define(name, groups.data(process=working(name, "print('it breaks'); raise SystemExit(3)")))
        with pytest.raises(ActionError) as failed:
            self.deploy(groups, name, template)
        message = str(failed.value)
        assert f"to process worker (group {name}) failed: the instance refresh" in message
        assert "ended as RollbackSuccessful" in message
        assert "was abandoned: Lifecycle Action Completed with ABANDON Result" in message
        assert "was rolled back and still runs version 1" in message
        assert "  | it breaks" in message
        assert groups.members(name) == before

    def test_new_command_replaces_the_old_one(self, groups: Groups, name: str) -> None:
        (before,) = groups.members(name)
        template = groups.define(name, groups.data(process=working(name, "print('works better')")))
        assert self.deploy(groups, name, template)[0]
        (after,) = groups.members(name)
        assert after["InstanceId"] != before["InstanceId"]
        assert "works better" in groups.log(after["InstanceId"], "worker")

    @pytest.mark.long
    def test_instance_that_gives_up_is_replaced(self, groups: Groups, name: str, engine: docker.DockerClient) -> None:
        (before,) = groups.members(name)
        inside(engine, before["InstanceId"], "/usr/local/bin/give-up")
        wait_until(lambda: [one for one in groups.members(name) if one != before])
        activities = groups.scaling.describe_scaling_activities(AutoScalingGroupName=name)["Activities"]
        causes = [one["Cause"] for one in activities if before["InstanceId"] in one["Description"]]
        assert any("an EC2 health check indicating it has been terminated or stopped" in cause for cause in causes)

    @pytest.mark.long
    def test_instance_that_says_nothing_is_replaced(self, groups: Groups) -> None:
        name = "temu-shop_silent"
        groups.create(name, groups.define(name, groups.data()), 0, MinSize=0, HealthCheckType="EC2", TargetGroupARNs=[])
        hook = {"AutoScalingGroupName": name, "LifecycleHookName": HOOK}
        launching = {"LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING"}
        groups.scaling.put_lifecycle_hook(**hook, **launching, HeartbeatTimeout=30)
        (described,) = groups.scaling.describe_lifecycle_hooks(AutoScalingGroupName=name)["LifecycleHooks"]
        assert described == hook | launching | {
            "DefaultResult": "ABANDON",
            "GlobalTimeout": 3000,
            "HeartbeatTimeout": 30,
        }
        groups.scaling.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=1)

        def abandoned() -> list[Json]:
            found = groups.scaling.describe_scaling_activities(AutoScalingGroupName=name)["Activities"]
            return [one for one in found if one["StatusCode"] == "Cancelled"]

        (activity,) = wait_until(abandoned, 90)
        assert activity["StatusMessage"].endswith("was abandoned: Heartbeat Timeout")
        # Without the hook, what waits for it goes as by its timeout, and the next one waits for nothing.
        groups.scaling.delete_lifecycle_hook(**hook)
        wait_until(lambda: groups.members(name))
        groups.remove(name)


def working(group: str, first: str = "print('works')") -> Process:
    """A process that goes on for an hour after a line of Python."""
    return Process(group, ["python", "-uc", f"{first}\nimport time\ntime.sleep(3600)"])


class TestFaults:
    """What cannot be launched, and what is asked wrongly."""

    def test_image_that_the_registry_does_not_have(self, groups: Groups, image: str) -> None:
        missing = f"{image.rpartition(':')[0]}@sha256:{'0' * 64}"
        groups.create("temu-missing", groups.define("temu-missing", groups.data(missing)), 1, TargetGroupARNs=[])
        wait_until(lambda: groups.members("temu-missing"))
        identifier = groups.members("temu-missing")[0]["InstanceId"]
        wait_until(lambda: "cloud-init: finished" in groups.console(identifier))
        assert "Error response from daemon" in groups.console(identifier)
        groups.remove("temu-missing")

    def test_log_group_that_is_not_there(self, aws: Client, groups: Groups) -> None:
        aws("logs").delete_log_group(logGroupName=LOG_GROUP)
        try:
            groups.create("temu-log", groups.define("temu-log", groups.data()), 1, TargetGroupARNs=[])
            wait_until(lambda: groups.members("temu-log"))
            identifier = groups.members("temu-log")[0]["InstanceId"]
            wait_until(lambda: "The specified log group does not exist" in groups.console(identifier))
            groups.remove("temu-log")
        finally:
            aws("logs").create_log_group(logGroupName=LOG_GROUP)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"ImageId": "ami-00000000000000000"}, "The image id '[ami-00000000000000000]' does not exist"),
            ({"InstanceType": "t3.mikro"}, "Invalid value 't3.mikro' for InstanceType"),
            ({"IamInstanceProfile": {"Name": "none"}}, "Invalid IAM Instance Profile name"),
            ({"UserData": "%"}, "Invalid BASE64 encoding of user data"),
            (
                {"NetworkInterfaces": [{"DeviceIndex": 0, "Groups": ["sg-00000000000000000"]}]},
                "The security group 'sg-00000000000000000' does not exist",
            ),
        ],
    )
    def test_template_that_cannot_be_launched(self, groups: Groups, change: Json, message: str) -> None:
        template = groups.define("temu-bad", groups.data() | change)
        with pytest.raises(ClientError) as refused:
            groups.create("temu-bad", template)
        error = refused.value.response["Error"]
        assert error["Code"] == "ValidationError"
        assert error["Message"].startswith("You must use a valid fully-formed launch template. ")
        assert message in error["Message"]

    @pytest.mark.usefixtures("web")
    @pytest.mark.parametrize(
        ("operation", "arguments", "code"),
        [
            ("create_auto_scaling_group", {"MinSize": 0, "MaxSize": 1}, "AlreadyExists"),
            ("create_auto_scaling_group", {"AutoScalingGroupName": "x", "MinSize": 0, "MaxSize": 1}, "ValidationError"),
            ("update_auto_scaling_group", {"MinSize": 5}, "ValidationError"),
            ("update_auto_scaling_group", {"HealthCheckType": "PING"}, "ValidationError"),
            ("update_auto_scaling_group", {"VPCZoneIdentifier": "subnet-0"}, "ValidationError"),
            (
                "update_auto_scaling_group",
                {"LaunchTemplate": {"LaunchTemplateName": WEB, "Version": "99"}},
                "ValidationError",
            ),
            ("update_auto_scaling_group", {"LaunchConfigurationName": "old"}, "ValidationError"),
            ("set_desired_capacity", {"DesiredCapacity": 9}, "ValidationError"),
            ("set_desired_capacity", {"DesiredCapacity": 0}, "ValidationError"),
            ("set_desired_capacity", {"AutoScalingGroupName": "none", "DesiredCapacity": 1}, "ValidationError"),
            ("delete_auto_scaling_group", {}, "ResourceInUse"),
            ("cancel_instance_refresh", {}, "ActiveInstanceRefreshNotFound"),
            ("rollback_instance_refresh", {}, "ActiveInstanceRefreshNotFound"),
            ("start_instance_refresh", {"Preferences": {"AutoRollback": True}}, "ValidationError"),
            ("start_instance_refresh", {"Preferences": {"MaxHealthyPercentage": 120}}, "ValidationError"),
            ("start_instance_refresh", {"Strategy": "Big bang"}, "ValidationError"),
            ("attach_load_balancer_target_groups", {"TargetGroupARNs": ["arn:none"]}, "ValidationError"),
            ("suspend_processes", {"ScalingProcesses": ["Everything"]}, "ValidationError"),
            ("delete_policy", {"PolicyName": "none"}, "ValidationError"),
            ("put_scaling_policy", {"PolicyName": "x", "PolicyType": "StepScaling"}, "ValidationError"),
            ("describe_scaling_activities", {"NextToken": "x"}, "InvalidNextToken"),
            ("put_lifecycle_hook", {"LifecycleHookName": "x"}, "ValidationError"),
            (
                "put_lifecycle_hook",
                {"LifecycleHookName": "x", "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING"},
                "ValidationError",
            ),
            (
                "put_lifecycle_hook",
                {
                    "LifecycleHookName": "x",
                    "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
                    "HeartbeatTimeout": 29,
                },
                "ValidationError",
            ),
            ("delete_lifecycle_hook", {"LifecycleHookName": "x"}, "ValidationError"),
            (
                "complete_lifecycle_action",
                {"LifecycleHookName": "x", "LifecycleActionResult": "CONTINUE", "InstanceId": "i-00000000000000000"},
                "ValidationError",
            ),
            ("put_warm_pool", {}, "InvalidAction"),
        ],
    )
    def test_errors(self, groups: Groups, operation: str, arguments: Json, code: str) -> None:
        with pytest.raises(ClientError) as refused:
            getattr(groups.scaling, operation)(**{"AutoScalingGroupName": WEB} | arguments)
        assert refused.value.response["Error"]["Code"] == code
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400

    @pytest.mark.usefixtures("web")
    def test_instance_that_is_not_there(self, groups: Groups) -> None:
        for call, arguments in (
            (groups.scaling.terminate_instance_in_auto_scaling_group, {"ShouldDecrementDesiredCapacity": False}),
            (groups.scaling.set_instance_health, {"HealthStatus": "Unhealthy"}),
        ):
            with pytest.raises(ClientError) as refused:
                call(InstanceId="i-00000000000000000", **arguments)
            assert refused.value.response["Error"]["Code"] == "ValidationError"


def test_deleted_group_leaves_nothing(
    aws: Client, groups: Groups, balancer: Balancer, engine: docker.DockerClient
) -> None:
    name = "temu-gone"
    groups.create(name, groups.define(name, groups.data()), 1)
    wait_until(lambda: groups.members(name))
    identifier = groups.members(name)[0]["InstanceId"]
    wait_until(lambda: identifier in groups.healthy())
    volumes = {"Filters": [{"Name": "attachment.instance-id", "Values": [identifier]}]}
    assert groups.ec2.describe_volumes(**volumes)["Volumes"]
    groups.scaling.put_scaling_policy(
        AutoScalingGroupName=name,
        PolicyName="cpu",
        PolicyType="TargetTrackingScaling",
        TargetTrackingConfiguration={
            "PredefinedMetricSpecification": {"PredefinedMetricType": "ASGAverageCPUUtilization"},
            "TargetValue": 50.0,
        },
    )
    groups.remove(name)
    assert containers_of(engine, identifier) == []
    assert identifier not in balancer.targets("healthy")
    assert groups.ec2.describe_volumes(**volumes)["Volumes"] == []
    assert aws("cloudwatch").describe_alarms(AlarmNamePrefix=f"TargetTracking-{name}-")["MetricAlarms"] == []
    instance = groups.ec2.describe_instances(InstanceIds=[identifier])["Reservations"][0]["Instances"][0]
    assert instance["State"]["Name"] == "terminated"
    # It shut down in order (`docker stop` of the unit was carried out), and its console can still be read.
    console = groups.console(identifier)
    assert "app.service: Main process exited, status=0" in console
    assert "Stopped app.service" in console
