# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""What the action plugins that call a cloud have in common, and those that call AWS."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from ansible_collections.slipway.provision.plugins.module_utils.google_session import GoogleError
from ansible_collections.slipway.provision.plugins.module_utils.state_store import StoreError
from ansible_collections.slipway.provision.plugins.plugin_utils.action import (
    BaseActionModule,
    MissingLibraryError,
)
from ansible_collections.slipway.provision.plugins.plugin_utils.cloud_errors import remedies

try:
    import boto3
    import botocore.session
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.loaders import create_loader

    _AWS_ERRORS: tuple[type[Exception], ...] = (BotoCoreError, ClientError)
except ImportError:
    boto3 = None
    _AWS_ERRORS = ()

Json = dict[str, Any]


class CloudActionModule(BaseActionModule):
    """An action that calls a cloud."""

    ERRORS = (*_AWS_ERRORS, GoogleError, StoreError)

    def remedies(self, error: BaseException, arguments: Json, variables: Json) -> list[str]:
        """What to do about an error of AWS or Google Cloud."""
        inventory = variables.get("inventory_dir") or "<inventory>"
        found: list[str] = remedies(str(error), arguments.get("region") or "", inventory)
        return found


def holds(settings: Any, wanted: Any) -> bool:
    """Whether settings are as wanted; members of mappings and of lists that nobody asked for do not count."""
    if isinstance(wanted, dict):
        return isinstance(settings, dict) and all(holds(settings.get(name), value) for name, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(settings, list) and all(any(holds(item, value) for item in settings) for value in wanted)
    return bool(settings == wanted)


def aws_session(region: str) -> Any:
    """A boto3 session of a region.

    Raises:
        MissingLibraryError: boto3 is not installed.
    """
    if boto3 is None:
        raise MissingLibraryError("boto3")
    session = botocore.session.Session()
    session.register_component("data_loader", _LOADER)
    return boto3.session.Session(botocore_session=session, region_name=region)


if boto3:
    # Ansible loads this file before it forks a process for each task: the description of Amazon S3 is read once, not
    # in each of those processes, where it takes a quarter of a second.
    _LOADER = create_loader()
    for _description in ("service-2", "endpoint-rule-set-1"):
        _LOADER.load_service_model("s3", _description)
    for _description in ("endpoints", "partitions"):
        _LOADER.load_data(_description)


class AwsActionModule(CloudActionModule):
    """An action that calls AWS; one of its arguments is `region`."""

    def answer(self, arguments: Json) -> Json:
        """Call AWS with a session of the region."""
        return self.act(aws_session(arguments["region"]), arguments)

    @abstractmethod
    def act(self, session: Any, arguments: Json) -> Json:
        """Do the work with a boto3 session of the region; otherwise as `answer`."""
