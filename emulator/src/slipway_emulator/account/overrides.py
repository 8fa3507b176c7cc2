"""What of MiniStack is replaced and added to for AWS Account Management."""

from slipway_emulator.account import regions
from slipway_emulator.overrides import Addition, Override, Table

TABLE: Table = (
    Override(
        "core.iam_evaluator",
        "authenticate",
        "c04cf87819a5be9e",
        "knows the account's credentials in regions that it has not enabled",
        regions.authenticate,
    ),
    Override(
        "services.account",
        "_list_regions",
        "27f4cf50d00af30f",
        "has every region enabled",
        regions.list_regions,
        operation="/listRegions",
    ),
    Override(
        "services.account",
        "_get_region_opt_status",
        "559b8d0490d70f76",
        "has every region enabled",
        regions.opt_status,
        operation="/getRegionOptStatus",
    ),
    Addition(
        "services.account",
        "_DISPATCH",
        "has no EnableRegion and no DisableRegion",
        lambda parts: {
            "/enableRegion": regions.enabling(parts, True),
            "/disableRegion": regions.enabling(parts, False),
        },
        keys=("/enableRegion", "/disableRegion"),
    ),
)
