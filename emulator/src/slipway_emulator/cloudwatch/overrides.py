"""What of MiniStack is replaced for Amazon CloudWatch."""

from slipway_emulator.cloudwatch import alarms
from slipway_emulator.overrides import Override, Table

TABLE: Table = (
    Override(
        "services.cloudwatch",
        "_describe_alarms",
        "7d9da272ba87621b",
        "leaves most members of an alarm out for the protocol that Terraform uses, so a second plan differs",
        alarms.describe_alarms,
    ),
    Override(
        "services.cloudwatch",
        "_dispatch_alarm_actions",
        "9c27c0be119883c5",
        "knows no scaling policies among an alarm's actions",
        alarms.dispatch_actions,
    ),
)
