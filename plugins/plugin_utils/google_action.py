# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""What the action plugins that call Google Cloud have in common."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from typing import Any

from ansible_collections.slipway.provision.plugins.module_utils.google_session import GoogleError, GoogleSession

Json = dict[str, Any]

# Another address comes by the variable that Terraform's google provider reads ("Provider Configuration Reference").
_ADDRESSES = {
    "artifact_registry": "https://artifactregistry.googleapis.com/v1/",
    "cloud_run_v2": "https://run.googleapis.com/v2/",
    "cloud_scheduler": "https://cloudscheduler.googleapis.com/v1/",
    "compute": "https://compute.googleapis.com/compute/v1/",
    "dns": "https://dns.googleapis.com/dns/v1/",
    "iam": "https://iam.googleapis.com/v1/",
    "logging": "https://logging.googleapis.com/v2/",
    "resource_manager": "https://cloudresourcemanager.googleapis.com/v1/",
    "secret_manager": "https://secretmanager.googleapis.com/v1/",
    "service_usage": "https://serviceusage.googleapis.com/v1/",
    "sql": "https://sqladmin.googleapis.com/sql/v1beta4/",
}
# What stands for the user in Docker's log-in ("Authentication methods" of Artifact Registry).
_DOCKER_USER = "oauth2accesstoken"
_OPERATION_SECONDS, _POLL_SECONDS = 600, 1.0


class GoogleCloud:
    """Google Cloud with the credentials of the environment.

    Raises:
        GoogleError: there are none.
    """

    def __init__(self) -> None:
        self._session = GoogleSession()

    def get(self, product: str, path: str, **query: str) -> Json | None:
        """What an API answers; None where there is no such thing, and in a project where the API is not switched on.

        Args:
            product: the API, as Terraform's google provider calls it: `cloud_run_v2`.
            path: behind the version: `projects/<project>/…`.
            query: query parameters.

        Raises:
            GoogleError: the API refuses, or does not answer.
        """
        url = _address(product) + path
        answer = self._session.request("GET", url, params=query)
        if answer.status_code == 404 or (answer.status_code == 403 and self._is_switched_off(answer, path)):
            return None
        if not answer.ok:
            raise GoogleError(f"{url} answers {answer.status_code}: {answer.text}")
        found: Json = answer.json()
        return found

    def items(self, product: str, path: str, member: str) -> Iterator[Json]:
        """What an API lists, page by page; nothing where `get` returns None.

        Args:
            product: as for `get`.
            path: as for `get`.
            member: that of the answer: `services`.
        """
        query: dict[str, str] = {}
        while page := self.get(product, path, **query):
            yield from page.get(member, [])
            if not page.get("nextPageToken"):
                return
            query = {"pageToken": page["nextPageToken"]}

    def change(self, method: str, product: str, path: str, body: Json | None = None, **query: str) -> Json:
        """What an API answers to a request that changes something.

        Args:
            method: of HTTP.
            product: the API, as Terraform's google provider calls it: `cloud_run_v2`.
            path: behind the version: `projects/<project>/…`.
            body: of the request.
            query: query parameters.

        Raises:
            GoogleError: the API refuses, or does not answer.
        """
        url = _address(product) + path
        answer = self._session.request(method, url, json=body, params=query)
        if not answer.ok:
            raise GoogleError(f"{url} answers {answer.status_code}: {answer.text}")
        changed: Json = answer.json()
        return changed

    def wait_for(self, product: str, operation: Json, place: str = "") -> Json:
        """What an operation has ended with ("Operation" of google.longrunning, or of Compute Engine).

        Args:
            product: the API, as Terraform's google provider calls it: `cloud_run_v2`.
            operation: as the API has begun it.
            place: what stands before its name where it is asked for, unless that is all of it.

        Raises:
            GoogleError: it has failed, or lasts for longer than any may.
        """
        deadline = time.monotonic() + _OPERATION_SECONDS
        while not operation.get("done") and operation.get("status") != "DONE":
            if time.monotonic() > deadline:
                raise GoogleError(f"{operation['name']} is not done after {_OPERATION_SECONDS} s")
            time.sleep(_POLL_SECONDS)
            operation = self.get(product, f"{place}{operation['name']}") or operation
        if "error" in operation:
            error = operation["error"]
            # Compute Engine has a list of them.
            messages = [one.get("message", one.get("code", "")) for one in error.get("errors", [error])]
            raise GoogleError("\n".join(map(str, messages)))
        ended: Json = operation.get("response", {})
        return ended

    def undelete(self, product: str, path: str) -> None:
        """Bring back what was deleted, and is kept for a while.

        Args:
            product: the API, as Terraform's google provider calls it: `iam`.
            path: behind the version: `projects/<project>/…`.

        Raises:
            GoogleError: the API refuses, or does not answer.
        """
        self.change("POST", product, f"{path}:undelete", {})

    def lifecycle_state(self, project: str) -> str:
        """The state of a project ("REST Resource: v1.projects" of Cloud Resource Manager).

        Args:
            project: its id.

        Returns:
            `ACTIVE`, `DELETE_REQUESTED` or `DELETE_IN_PROGRESS`; empty where the credentials may see none.

        Raises:
            GoogleError: the API is switched off or refuses for another reason, or it does not answer.
        """
        url = f"{_address('resource_manager')}projects/{project}"
        answer = self._session.request("GET", url)
        # What does not exist is refused like what the credentials may not see; 403 has other reasons too.
        if answer.status_code == 403 and _reasons(answer).keys() <= {"IAM_PERMISSION_DENIED"}:
            return ""
        if not answer.ok:
            raise GoogleError(f"{url} answers {answer.status_code}: {answer.text}")
        return str(answer.json()["lifecycleState"])

    def last_log_entries(self, project: str, wanted: str, count: int) -> list[Json]:
        """The newest entries of a project's log, oldest first ("Method: entries.list" of Cloud Logging).

        Args:
            project: `projects/<project>`.
            wanted: a filter ("Logging query language").
            count: how many at the most.

        Raises:
            GoogleError: the API refuses, or does not answer.
        """
        body = {"resourceNames": [project], "filter": wanted, "orderBy": "timestamp desc", "pageSize": count}
        return list(self._log_entries(body).get("entries", []))[::-1]

    def log_entries(self, project: str, wanted: str) -> list[Json]:
        """All entries of a project's log that a filter finds, oldest first; otherwise as `last_log_entries`."""
        body = {"resourceNames": [project], "filter": wanted, "orderBy": "timestamp asc", "pageSize": 1000}
        answer = self._log_entries(body)
        entries = list(answer.get("entries", []))
        while token := answer.get("nextPageToken"):
            answer = self._log_entries(body | {"pageToken": token})
            entries += answer.get("entries", [])
        return entries

    def _log_entries(self, body: Json) -> Json:
        url = f"{_address('logging')}entries:list"
        answer = self._session.request("POST", url, repeatable=True, json=body)
        if not answer.ok:
            raise GoogleError(f"{url} answers {answer.status_code}: {answer.text}")
        found: Json = answer.json()
        return found

    def docker_credentials(self) -> dict[str, str]:
        """Credentials of Artifact Registry for the Docker Engine, valid for minutes at the least."""
        return {"username": _DOCKER_USER, "password": self._session.token()}

    def _is_switched_off(self, answer: Any, path: str) -> bool:
        """Whether an API refuses because the project does not use it ("ErrorInfo" of google.rpc).

        It says the same where the project of the credentials, or the one that pays, does not use it: then nothing is
        known of what is there.
        """
        metadata = _reasons(answer).get("SERVICE_DISABLED", {})
        project = "/".join(path.split("/")[:2])
        consumer, service = metadata.get("consumer", ""), metadata.get("service", "")
        if not consumer or not service:
            return False
        if consumer == project:
            return True
        # A consumer is named by its number, and what Service Usage calls a project's services has that too.
        known = self._session.request("GET", f"{_address('service_usage')}{project}/services/{service}")
        return bool(known.ok and known.json()["name"].startswith(f"{consumer}/"))


def text_of_entry(entry: Json) -> str:
    """What a log entry says ("LogEntry"): a line of text, or severity and fields of one that was JSON."""
    if "textPayload" in entry:
        return str(entry["textPayload"])
    payload = entry.get("jsonPayload") or entry.get("protoPayload") or {}
    return f"{entry.get('severity', 'DEFAULT')} {json.dumps(payload)}"


def _address(product: str) -> str:
    return os.environ.get(f"GOOGLE_{product.upper()}_CUSTOM_ENDPOINT") or _ADDRESSES[product]


def _reasons(answer: Any) -> dict[str, Json]:
    """The reasons of a refusal ("ErrorInfo" of google.rpc) with their metadata; none where it gives none."""
    try:
        details = answer.json()["error"].get("details", [])
    except (KeyError, ValueError):
        # Not of the API, but of something on the way to it.
        return {}
    return {detail["reason"]: detail.get("metadata", {}) for detail in details if "reason" in detail}
