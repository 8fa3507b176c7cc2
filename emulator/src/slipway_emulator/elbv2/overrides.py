"""What of MiniStack is replaced for Elastic Load Balancing."""

from slipway_emulator.elbv2 import access_logs, target_health
from slipway_emulator.overrides import Override, Table

TABLE: Table = (
    Override(
        "services.alb",
        "_lb_xml",
        "bdc8b6b404faf2da",
        "has names under amazonaws.com, which do not lead to this machine",
        target_health.lb_xml,
    ),
    Override(
        "services.alb",
        "_modify_lb_attrs",
        "afadcdb4b820aaa5",
        "takes a bucket for access logs that its policy keeps Elastic Load Balancing from writing to",
        access_logs.modify,
        operation="ModifyLoadBalancerAttributes",
    ),
    Override(
        "services.alb",
        "_describe_target_health",
        "2b1bccf2c683ff8c",
        "calls every registered target healthy",
        target_health.describe_target_health,
        operation="DescribeTargetHealth",
    ),
    Override(
        "services.alb",
        "_forward_to_tg",
        "c3e060bb54c260f5",
        "picks any target, whether it is healthy or not, and forgets which requests are under way",
        target_health.forward,
    ),
)
