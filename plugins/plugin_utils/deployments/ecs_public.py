# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""A deployment of ECS whose tasks have public addresses and no load balancer."""

from __future__ import annotations

from ansible_collections.slipway.provision.plugins.plugin_utils.action import ActionError
from ansible_collections.slipway.provision.plugins.plugin_utils.deployments import ecs


class Deployment(ecs.Deployment):
    """As on ECS behind a load balancer, but for the address."""

    def url(self) -> str:
        """Public address of a task, the same one each time it is asked for.

        Raises:
            ActionError: no task has one.
        """
        interfaces = [
            detail["value"]
            for task in self.tasks("RUNNING")
            for attachment in task.get("attachments", [])
            for detail in attachment.get("details", [])
            if detail["name"] == "networkInterfaceId"
        ]
        answer = self.client("ec2").describe_network_interfaces(NetworkInterfaceIds=interfaces)
        found = (interface.get("Association", {}).get("PublicIp") for interface in answer["NetworkInterfaces"])
        address = min(filter(None, found), default=None)
        if address is None:
            raise ActionError(f"no task of {self.name} has a public address")
        return f"http://{address}:{self.request.outputs['container_port']}"
