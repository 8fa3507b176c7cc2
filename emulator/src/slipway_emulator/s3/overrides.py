"""What of MiniStack is replaced for Amazon S3."""

from slipway_emulator.overrides import Override, Table
from slipway_emulator.s3 import policies

TABLE: Table = (
    Override(
        "services.s3",
        "_put_bucket_policy",
        "4576523c7911bf9e",
        "takes a policy that S3 refuses as malformed",
        policies.put,
    ),
)
