"""What the action plugins that call a cloud have in common, and those that call AWS."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any, ClassVar

from ansible.plugins.action import ActionBase
from ansible_collections.slipway.provision.plugins.module_utils.google_session import GoogleError
from ansible_collections.slipway.provision.plugins.module_utils.state_store import StoreError
from ansible_collections.slipway.provision.plugins.plugin_utils.action import argument_spec

try:
    import boto3
    import botocore.session
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.loaders import create_loader

    _CLOUD_ERRORS: tuple[type[Exception], ...] = (BotoCoreError, ClientError, GoogleError, StoreError)
except ImportError:
    boto3 = None
    _CLOUD_ERRORS = (GoogleError, StoreError)

Json = dict[str, Any]


@contextlib.contextmanager
def task_environment(action: ActionBase) -> Iterator[None]:
    """Give this process the environment of an action's task while it acts; the items of a loop share one process."""
    before = dict(os.environ)
    for layer in action._task.environment or []:
        os.environ.update({name: str(value) for name, value in (action._templar.template(layer) or {}).items()})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


class ActionError(Exception):
    """The task failed; the message says why, and what to do."""


class CloudActionModule(ActionBase):
    """An action that calls a cloud in the process that runs the playbook.

    Every host of an inventory is this machine. A module would be a process that loads Python, Ansible and boto3 anew,
    half a second of it for a call that takes milliseconds; here they are loaded once.
    """

    _supports_check_mode = True
    _supports_async = False

    ARGUMENTS: ClassVar[dict[str, dict[str, Any]]]
    """What the action takes, as Ansible's argument specs have it."""
    PURPOSE: ClassVar[str]
    """What could not be done when the cloud refuses, such as "look the image up"."""

    def run(self, tmp: str | None = None, task_vars: Json | None = None) -> Json:
        """Return the answer, or why there is none."""
        result: Json = super().run(tmp, task_vars)
        _, arguments = self.validate_argument_spec(argument_spec=argument_spec(self))
        try:
            with task_environment(self):
                return result | self.answer(arguments)
        except ActionError as error:
            return result | {"failed": True, "msg": str(error)}
        except _CLOUD_ERRORS as error:
            return result | {"failed": True, "msg": f"could not {self.PURPOSE}: {error}"}

    def answer(self, arguments: Json) -> Json:
        """Do the work.

        Args:
            arguments: what the task gives, validated.

        Returns:
            The task's result.

        Raises:
            ActionError: the task fails, with this message.
            BotoCoreError, ClientError, GoogleError, StoreError: the cloud refuses, or does not answer.
        """
        raise NotImplementedError


def aws_session(region: str) -> Any:
    """A boto3 session of a region.

    Raises:
        ActionError: boto3 is not installed.
    """
    if boto3 is None:
        raise ActionError("boto3 is missing in the Python that runs ansible-playbook")
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

    def act(self, session: Any, arguments: Json) -> Json:
        """Do the work with a boto3 session of the region; otherwise as `answer`."""
        raise NotImplementedError
