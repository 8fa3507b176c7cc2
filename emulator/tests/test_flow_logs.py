"""EC2: a flow log keeps what it was made with."""

from __future__ import annotations

from typing import Any

from emulator.tests.stack import Client

ROLE = "arn:aws:iam::000000000000:role/temu-flow-logs"
GROUP = "arn:aws:logs:us-east-1:000000000000:log-group:temu/flow-logs"


def test_flow_log_has_its_role_defaults_and_tags(aws: Client) -> None:
    ec2 = aws("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.88.0.0/16")["Vpc"]["VpcId"]

    def create(**more: Any) -> str:
        answer = ec2.create_flow_logs(
            ResourceIds=[vpc],
            ResourceType="VPC",
            TrafficType="REJECT",
            LogDestination=GROUP,
            DeliverLogsPermissionArn=ROLE,
            TagSpecifications=[{"ResourceType": "vpc-flow-log", "Tags": [{"Key": "Name", "Value": "temu-logs"}]}],
            **more,
        )
        return str(answer["FlowLogIds"][0])

    first, second = create(), create(MaxAggregationInterval=60, LogFormat="${srcaddr}")
    filters = [{"Name": "tag:Name", "Values": ["temu-logs"]}]
    found = {one["FlowLogId"]: one for one in ec2.describe_flow_logs(Filter=filters)["FlowLogs"]}
    assert found.keys() == {first, second}
    for flow_log in found.values():
        assert flow_log["DeliverLogsPermissionArn"] == ROLE
        assert flow_log["LogDestination"] == GROUP
        assert flow_log["Tags"] == [{"Key": "Name", "Value": "temu-logs"}]
    assert found[first]["MaxAggregationInterval"] == 600
    assert found[first]["LogFormat"].startswith("${version} ${account-id}")
    assert (found[second]["MaxAggregationInterval"], found[second]["LogFormat"]) == (60, "${srcaddr}")
    tagged = aws("resourcegroupstaggingapi").get_resources(TagFilters=[{"Key": "Name", "Values": ["temu-logs"]}])
    arns = {one["ResourceARN"].rpartition(":")[2] for one in tagged["ResourceTagMappingList"]}
    assert arns == {f"vpc-flow-log/{first}", f"vpc-flow-log/{second}"}

    ec2.delete_flow_logs(FlowLogIds=[first, second])
    assert ec2.describe_flow_logs(Filter=filters)["FlowLogs"] == []
    ec2.delete_vpc(VpcId=vpc)
