"""What of MiniStack is replaced and added to for Amazon EC2."""

from slipway_emulator.ec2 import flow_logs, instances, nat_gateways, network_interfaces, security_groups
from slipway_emulator.overrides import Addition, Override, Table

TABLE: Table = (
    Override(
        "services.ec2",
        "_vm_remove_container",
        "9b01a41725e542d5",
        "kills an instance's container at once, with what runs in it",
        instances.remove_container,
    ),
    Override(
        "services.ec2",
        "_instance_xml",
        "e23dcbbfd0a3e1c7",
        "has empty addresses where AWS has none, and no metadata options",
        instances.instance_xml,
    ),
    Override(
        "services.ec2",
        "_parse_lt_data",
        "a6686bc2a1618d10",
        "forgets DeleteOnTermination of a launch template's network interfaces",
        instances.launch_template_data,
    ),
    Override(
        "services.ec2",
        "_lt_data_xml",
        "dee6f4735df970fe",
        "leaves DeleteOnTermination out, and names the groups of an interface otherwise than EC2's model",
        instances.launch_template_data_xml,
    ),
    Override(
        "services.ec2",
        "_eni_fields_xml",
        "40371e91ebb13ff9",
        "has no public addresses",
        network_interfaces.fields_xml,
    ),
    Override(
        "services.ec2",
        "_describe_network_interfaces",
        "13503bcd67b8950e",
        "knows no filters, by which the provider waits until a deleted load balancer's interfaces are gone",
        network_interfaces.describe,
        operation="DescribeNetworkInterfaces",
    ),
    Override(
        "services.ec2",
        "_describe_nat_gateways",
        "45b03a86e54fcf35",
        "has NAT gateways without an address",
        nat_gateways.describe,
        operation="DescribeNatGateways",
    ),
    Override(
        "services.ec2",
        "_create_flow_logs",
        "2da44b74ca501d8d",
        "forgets a flow log's role, format, interval and tags",
        flow_logs.create,
        operation="CreateFlowLogs",
    ),
    Override(
        "services.ec2",
        "_describe_flow_logs",
        "39dfacab02c8bfb8",
        "leaves out a flow log's role, format and interval, by which the provider would replace it",
        flow_logs.describe,
        operation="DescribeFlowLogs",
    ),
    Override(
        "services.ec2",
        "_describe_security_groups",
        "e44e06b5e60f6eb5",
        "does not look at the filter group-id",
        security_groups.describe,
        operation="DescribeSecurityGroups",
    ),
    Addition(
        "services.ec2",
        "_ACTION_MAP",
        "has no GetConsoleOutput",
        lambda parts: {"GetConsoleOutput": instances.console_output(parts)},
        keys=("GetConsoleOutput",),
    ),
    Addition(
        "services.ec2",
        "_DOCKER_ACTIONS",
        "answers what is listed here on a thread that may wait for the engine",
        lambda _: {"GetConsoleOutput": None},
        keys=("GetConsoleOutput",),
    ),
)
