"""What of MiniStack is replaced for AWS Secrets Manager."""

from slipway_emulator.overrides import Override, Table
from slipway_emulator.secretsmanager import secrets

TABLE: Table = (
    Override(
        "services.secretsmanager",
        "_create_secret",
        "fe47f98af0a760c1",
        "has another error for the name of a secret that is scheduled for deletion, by which the provider tries again",
        secrets.create,
    ),
)
