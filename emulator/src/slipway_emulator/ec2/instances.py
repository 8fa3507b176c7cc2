"""EC2 instances as containers that boot: user data, metadata, shutdown in order, console output.

MiniStack stores user data and runs nothing. Here an instance is a container of the machine image in
`images/instance`, on the containers' network, and what its engine starts shares its network.
"""

from __future__ import annotations

import base64
import logging
import re
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import docker
from botocore.loaders import Loader
from docker.errors import APIError, DockerException, ImageNotFound
from ministack.core import container_reaper
from ministack.core.concurrency import spawn_background
from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import ec2, iam

from slipway_emulator.iam.roles import Roles
from slipway_emulator.images import MACHINE_IMAGE
from slipway_emulator.network import ContainerNetwork

if TYPE_CHECKING:
    from slipway_emulator.parts import Parts

# Label of every container of an instance: its own and those its engine runs.
INSTANCE_LABEL = "slipway.instance"

# Where the metadata service answers inside an instance. The address is the instance's own: what listens there hands
# on to the gateway (images/instance/machine.py), so that the host needs no address that it may have already.
_METADATA_ADDRESS = "169.254.169.254"
# Longer than any stop timeout of what runs in an instance; EC2 gives a shutdown "a few minutes".
_SHUTDOWN_SECONDS = 150
# The user data of an instance, before encoding ("Run commands on your Linux instance at launch").
_USER_DATA_BYTES = 16 * 1024
_CONSOLE_BYTES = 64 * 1024

_logger = logging.getLogger(__name__)

Json = dict[str, Any]
Function = Callable[..., Any]
Response = tuple[int, dict[str, Any], bytes]


class LaunchError(Exception):
    """RunInstances refuses a launch; `code` is the API's.

    Args:
        code: error code of the Amazon EC2 API reference.
        message: what it says.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Instances:
    """Launches and ends instances.

    Args:
        client: a client of the engine that runs the containers.
        network: the network they join.
        gateway_port: port of the AWS APIs on the network's gateway.
        roles: gives instances their roles.
    """

    def __init__(self, client: docker.DockerClient, network: ContainerNetwork, gateway_port: int, roles: Roles) -> None:
        self._client = client
        self._network = network
        self._roles = roles
        self.endpoint = f"http://{network.gateway}:{gateway_port}"
        self._types = frozenset(Loader().load_service_model("ec2", "service-2")["shapes"]["InstanceType"]["enum"])

    def check(self, data: Json, subnet_id: str) -> None:
        """Look at a launch request as RunInstances does before it makes anything.

        Args:
            data: `LaunchTemplateData` as EC2 stores it.
            subnet_id: where to launch.

        Raises:
            LaunchError: something it names does not exist, or cannot be.
        """
        image = data.get("ImageId")
        if not image:
            raise LaunchError("MissingParameter", "The request must contain the parameter ImageId")
        if not any(image == name for name, *_ in ec2._STUB_AMIS):
            raise LaunchError("InvalidAMIID.NotFound", f"The image id '[{image}]' does not exist")
        kind = data.get("InstanceType", "m1.small")
        if kind not in self._types:
            raise LaunchError("InvalidParameterValue", f"Invalid value '{kind}' for InstanceType.")
        if subnet_id not in ec2._subnets:
            raise LaunchError("InvalidSubnetID.NotFound", f"The subnet ID '{subnet_id}' does not exist")
        for group in _security_groups(data):
            if group not in ec2._security_groups:
                raise LaunchError("InvalidGroup.NotFound", f"The security group '{group}' does not exist")
        profile = data.get("IamInstanceProfile")
        if profile and iam._lookup_instance_profile(name=profile.get("Name", ""), arn=profile.get("Arn", "")) is None:
            member, value = next(iter(profile.items()))
            raise LaunchError(
                "InvalidParameterValue",
                f"Value ({value}) for parameter iamInstanceProfile.{member.lower()} is invalid. "
                f"Invalid IAM Instance Profile {'name' if member == 'Name' else 'ARN'}",
            )
        try:
            user_data = base64.b64decode(data.get("UserData", ""), validate=True)
        except ValueError:
            raise LaunchError("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data.") from None
        if len(user_data) > _USER_DATA_BYTES:
            raise LaunchError("InvalidParameterValue", "User data is limited to 16384 bytes")

    def launch(self, data: Json, subnet_id: str, tags: list[dict[str, str]]) -> Json:
        """Launch one instance; returns when its container runs.

        Args:
            data: `LaunchTemplateData` as EC2 stores it.
            subnet_id: where to launch.
            tags: tags of the instance.

        Returns:
            MiniStack's record of the instance.

        Raises:
            LaunchError: EC2 refuses, or the engine does.
        """
        self.check(data, subnet_id)
        profile, _ = ec2._resolve_iam_instance_profile(
            iam_arn=(data.get("IamInstanceProfile") or {}).get("Arn", ""),
            iam_name=(data.get("IamInstanceProfile") or {}).get("Name", ""),
        )
        kind, groups = data.get("InstanceType", "m1.small"), _security_groups(data)
        (instance,) = ec2._launch_instances_internal(
            data["ImageId"],
            kind,
            subnet_id,
            1,
            data.get("KeyName", ""),
            data.get("UserData", ""),
            groups,
            None,
            profile,
        )
        zone = ec2._subnets[subnet_id]["AvailabilityZone"]
        instance["Placement"]["AvailabilityZone"] = zone
        instance["State"] = {"Code": 0, "Name": "pending"}
        instance["_account"] = get_account_id()
        instance["MetadataOptions"] = {
            "HttpTokens": "optional",
            "HttpPutResponseHopLimit": 1,
            "HttpEndpoint": "enabled",
        } | (data.get("MetadataOptions") or {})
        ec2._tags[instance["InstanceId"]] = tags
        self._size_root_volume(instance, data, zone)
        try:
            self._boot(instance)
        except DockerException as error:
            self._remove_containers(instance["InstanceId"])
            ec2._discard_instance_records(instance)
            ec2._tags.pop(instance["InstanceId"], None)
            if isinstance(error, ImageNotFound):
                text = f"The machine image {MACHINE_IMAGE} is missing; build it with: slipway-emulator images."
            else:
                text = f"The engine cannot start the instance: {error}."
            raise LaunchError("InternalError", text) from None
        instance["State"] = {"Code": 16, "Name": "running"}
        launched: Json = instance
        return launched

    def _size_root_volume(self, instance: Json, data: Json, zone: str) -> None:
        volume = ec2._volumes[instance["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]]
        volume["AvailabilityZone"] = zone
        for mapping in data.get("BlockDeviceMappings", []):
            ebs = mapping.get("Ebs") or {}
            if mapping["DeviceName"] == instance["RootDeviceName"]:
                volume |= {"Size": ebs.get("VolumeSize", volume["Size"]), "Encrypted": ebs.get("Encrypted", False)}
                volume["VolumeType"] = ebs.get("VolumeType", volume["VolumeType"])

    def _boot(self, instance: Json) -> None:
        api, identifier = self._client.api, instance["InstanceId"]
        endpoint = api.create_endpoint_config(link_local_ips=[_METADATA_ADDRESS])
        container = api.create_container(
            MACHINE_IMAGE,
            name=f"ministack-ec2-{identifier}",
            hostname=identifier,
            environment={"AWS_ENDPOINT_URL": self.endpoint},
            labels={**container_reaper.own_labels("ec2"), INSTANCE_LABEL: identifier},
            host_config=api.create_host_config(init=True),
            networking_config=api.create_networking_config({self._network.name: endpoint}),
        )
        instance["_container_id"] = container["Id"]
        instance["VmManager"] = "docker"
        ec2._docker_in_use = True
        api.start(container["Id"])
        address = api.inspect_container(container["Id"])["NetworkSettings"]["Networks"][self._network.name]["IPAddress"]
        role = role_of(instance, self._roles)
        agent = "ssm:UpdateInstanceInformation"
        itself = f"arn:aws:ec2:{get_region()}:{instance['_account']}:instance/{identifier}"
        instance |= {
            "PrivateIpAddress": address,
            "PrivateDnsName": f"ip-{address.replace('.', '-')}.ec2.internal",
            "PublicIpAddress": "",
            "PublicDnsName": "",
            # It has a shell, so Systems Manager reaches it, if its role lets the agent in.
            "_ssm_managed": role is not None and not self._roles.denial(role["Arn"], identifier, agent, itself),
        }

    def running(self) -> set[str]:
        """Ids of the instances whose container runs.

        Raises:
            docker.errors.DockerException: the engine does not answer.
        """
        labels = ["ministack=ec2", f"{container_reaper.INSTANCE_LABEL}={container_reaper.instance_id()}"]
        found = self._client.api.containers(filters={"label": labels})
        return {container["Labels"][INSTANCE_LABEL] for container in found}

    def terminate(self, instance: Json) -> None:
        """Shut an instance down and remove it; returns when it is gone."""
        if instance["State"]["Name"] in ("shutting-down", "terminated") and "_container_id" not in instance:
            return
        instance["State"] = {"Code": 32, "Name": "shutting-down"}
        self.shut_down(instance)
        instance["State"] = {"Code": 48, "Name": "terminated"}
        instance["_terminated_at"] = time.time()
        association = ec2._find_active_iam_instance_profile_association(instance["InstanceId"])
        if association:
            ec2._mark_iam_instance_profile_association_disassociated(association)

    def shut_down(self, instance: Json) -> None:
        """End what runs in an instance in order, keep its console output, and remove its containers and volumes.

        Until its container has ended, an instance has its metadata, its engine and its console.
        """
        instance.pop("_ssm_managed", None)
        identifier = instance.get("_container_id")
        if identifier:
            try:
                container = self._client.containers.get(identifier)
                container.stop(timeout=_SHUTDOWN_SECONDS)
                instance["_console"] = container.logs(tail="all")[-_CONSOLE_BYTES:]
            except DockerException as error:
                _logger.info("shutting %s down: %s", instance["InstanceId"], error)
            instance.pop("_container_id", None)
        self._remove_containers(instance["InstanceId"])
        for mapping in instance.get("BlockDeviceMappings", []):
            ec2._volumes.pop(mapping["Ebs"]["VolumeId"], None)

    def _remove_containers(self, identifier: str) -> None:
        for container in self.containers(identifier):
            try:
                container.remove(v=True, force=True)
            except APIError as error:
                # Somebody else has removed it, or does so now.
                if error.status_code not in (404, 409):
                    raise

    def containers(self, identifier: str) -> Iterator[Any]:
        """The containers of an instance: its own and those its engine runs, whatever their state."""
        labels = [
            f"{INSTANCE_LABEL}={identifier}",
            f"{container_reaper.INSTANCE_LABEL}={container_reaper.instance_id()}",
        ]
        yield from self._client.containers.list(all=True, sparse=True, filters={"label": labels})

    def console(self, instance: Json) -> bytes:
        """The last 64 KiB of an instance's console."""
        identifier = instance.get("_container_id")
        if identifier:
            try:
                output: bytes = self._client.containers.get(identifier).logs(tail="all")
                return output[-_CONSOLE_BYTES:]
            except DockerException as error:
                _logger.info("console of %s: %s", instance["InstanceId"], error)
        return bytes(instance.get("_console", b""))


def _security_groups(data: Json) -> list[str]:
    """Ids of the groups a launch asks for, by itself or for its first network interface."""
    groups: list[str] = data.get("SecurityGroupIds") or []
    for interface in data.get("NetworkInterfaces", [])[:1]:
        groups = interface.get("Groups") or groups
    return groups


def find_by_address(address: str) -> Json | None:
    """The instance that has an address; None where none has it."""
    for instance in ec2._instances.all_values():
        if instance.get("PrivateIpAddress") == address and "_container_id" in instance:
            found: Json = instance
            return found
    return None


def role_of(instance: Json, roles: Roles) -> Json | None:
    """MiniStack's record of an instance's role; None where it has none, or none that EC2 may assume."""
    profile = instance.get("IamInstanceProfile")
    found = (iam._lookup_instance_profile(arn=profile["Arn"]) if profile else None) or {}
    role: Json | None = iam._roles.get(next(iter(found.get("Roles", [])), ""))
    return role if role and roles.trusts(role["Arn"], "ec2.amazonaws.com") else None


def region_of(instance: Json) -> str:
    """The region an instance is in."""
    return str(instance["Placement"]["AvailabilityZone"][:-1])


def address_of(target_id: str) -> str:
    """The address a load balancer reaches a target at: an instance's, where the target is one."""
    if not target_id.startswith("i-"):
        return target_id
    for instance in ec2._instances.all_values():
        if instance["InstanceId"] == target_id:
            return str(instance["PrivateIpAddress"])
    # Nobody has it, and the kernel refuses to connect to it at once.
    return "255.255.255.255"


def remove_container(_original: Function, parts: Parts) -> Function:
    def remove_container(inst: Json) -> None:
        # TerminateInstances answers at once; the shutdown takes its time.
        account, region = get_account_id(), get_region()

        def run() -> None:
            with request_scope(account, region):
                parts.instances.shut_down(inst)

        spawn_background(run, thread_name=f"ec2-stop-{inst['InstanceId']}")

    return remove_container


def instance_xml(original: Function, _: Parts) -> Function:
    def instance_xml(inst: Json) -> str:
        xml = str(original(inst))
        for empty in ("<ipAddress></ipAddress>", "<dnsName></dnsName>", "<keyName></keyName>"):
            xml = xml.replace(empty, "")
        options = inst.get("MetadataOptions")
        if not options:
            return xml
        members = "".join(
            f"<{name[0].lower()}{name[1:]}>{value}</{name[0].lower()}{name[1:]}>" for name, value in options.items()
        )
        return xml.replace(
            "<groupSet>", f"<metadataOptions><state>applied</state>{members}</metadataOptions><groupSet>", 1
        )

    return instance_xml


def launch_template_data(original: Function, _: Parts) -> Function:
    def launch_template_data(params: Json, prefix: str = "LaunchTemplateData") -> Json:
        data: Json = original(params, prefix)
        for number, interface in enumerate(data.get("NetworkInterfaces", []), start=1):
            value = ec2._p(params, f"{prefix}.NetworkInterface.{number}.DeleteOnTermination")
            if value:
                interface["DeleteOnTermination"] = value == "true"
        return data

    return launch_template_data


def launch_template_data_xml(original: Function, _: Parts) -> Function:
    def launch_template_data_xml(data: Json) -> str:
        xml = str(original(data))
        for interface in data.get("NetworkInterfaces", []):
            if "DeleteOnTermination" in interface:
                member = f"<deleteOnTermination>{str(interface['DeleteOnTermination']).lower()}</deleteOnTermination>"
                xml = xml.replace("<networkInterfaceSet><item>", f"<networkInterfaceSet><item>{member}", 1)
        # The model of EC2 has a name of its own for members of this list, and the provider's SDK knows no other.
        return re.sub(r"(?<=<groupSet>).*?(?=</groupSet>)", lambda groups: groups[0].replace("item>", "groupId>"), xml)

    return launch_template_data_xml


def console_output(parts: Parts) -> Function:
    """GetConsoleOutput, which MiniStack has not."""

    def console_output(p: Json) -> Response:
        identifier = ec2._p(p, "InstanceId")
        if not identifier:
            missing: Response = ec2._error("MissingParameter", "The request must contain the parameter InstanceId", 400)
            return missing
        instance = ec2._instances.get(identifier)
        if instance is None:
            refused: Response = ec2._error(
                "InvalidInstanceID.NotFound", f"The instance ID '{identifier}' does not exist", 400
            )
            return refused
        output = base64.b64encode(parts.instances.console(instance)).decode()
        timestamp = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
        content = f"<instanceId>{identifier}</instanceId><timestamp>{timestamp}</timestamp><output>{output}</output>"
        answer: Response = ec2._xml(200, "GetConsoleOutputResponse", content)
        return answer

    return console_output
