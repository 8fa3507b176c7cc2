"""What of MiniStack is added to for App Runner."""

from slipway_emulator.overrides import Addition, Table

TABLE: Table = (
    Addition(
        "services.tagging",
        "_COLLECTORS",
        "leaves the services of App Runner out of GetResources",
        lambda parts: {"apprunner": parts.app_runner.tagged},
        keys=("apprunner",),
    ),
)
