"""What of MiniStack is added to for the Resource Groups Tagging API."""

from slipway_emulator.overrides import Addition, Table
from slipway_emulator.tagging import collectors

TABLE: Table = (
    Addition(
        "services.tagging",
        "_COLLECTORS",
        "leaves the resources of these services out of GetResources",
        collectors.collectors,
        keys=(
            "acm",
            "apprunner",
            "autoscaling",
            "cloudwatch",
            "ec2",
            "elasticloadbalancing",
            "logs",
            "rds",
            "secretsmanager",
        ),
    ),
)
