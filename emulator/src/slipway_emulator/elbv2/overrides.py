"""What of MiniStack is replaced for Elastic Load Balancing."""

from slipway_emulator.elbv2 import access_logs, rules, target_health
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
    Override(
        "services.alb",
        "_create_rule",
        "96af2156ada99b47",
        "takes a priority that another rule has, and a target group of another load balancer",
        rules.create_rule,
        operation="CreateRule",
    ),
    Override(
        "services.alb",
        "_create_listener",
        "659523c7a290aa88",
        "takes a target group of another load balancer",
        rules.create_listener,
        operation="CreateListener",
    ),
    Override(
        "services.alb",
        "_delete_tg",
        "561be28094887715",
        "deletes a target group that is in use",
        rules.delete_target_group,
        operation="DeleteTargetGroup",
    ),
    Override(
        "services.alb",
        "_tg_xml",
        "0f730d27eeaf1658",
        "knows no load balancers of rules, and those of listeners that are gone",
        rules.tg_xml,
    ),
    Override(
        "services.alb",
        "_match_condition",
        "fa8f813075641521",
        "tells Host: A.example from a.example",
        rules.match_condition,
    ),
)
