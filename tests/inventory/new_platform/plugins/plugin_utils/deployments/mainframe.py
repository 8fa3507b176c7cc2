"""A deployment to a mainframe that nobody has."""

from __future__ import annotations

import datetime

from ansible_collections.slipway.provision.plugins.plugin_utils import deployment


class Deployment(deployment.Deployment):
    """Says that what the layer was told to run does run."""

    @property
    def name(self) -> str:
        """Name of the system."""
        return str(self.request.outputs["system"])

    def follow(self) -> str:
        """There is nothing to wait for."""
        return "JOB1"

    def origin(self) -> deployment.Origin:
        """The last of its nightly runs."""
        return deployment.Origin(datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC), "operator")

    def running(self) -> dict[str, list[str]]:
        """The digest of the layer's image."""
        return {self.request.outputs["image"].partition("@")[2]: ["LPAR1"]}
