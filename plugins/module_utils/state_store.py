# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""The buckets that hold Terraform's states and what stands beside them: Amazon S3, and Cloud Storage of Google."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ansible_collections.slipway.provision.plugins.module_utils.google_session import GoogleError, GoogleSession

_STORAGE = "https://storage.googleapis.com"


class StoreError(Exception):
    """The store refuses, or does not answer; the message is its own."""


@dataclass(frozen=True)
class Found:
    """An object of a store.

    Attributes:
        content: what it holds.
        version: what tells it from an earlier or a later one of its name.
    """

    content: bytes
    version: str


class S3Store:
    """A bucket of Amazon S3.

    Every method raises StoreError where the store refuses or does not answer.

    Args:
        s3: boto3 client.
        bucket: name of the bucket.
    """

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3, self._bucket = s3, bucket
        self.url = f"s3://{bucket}"

    def exists(self) -> bool:
        """Whether there is such a bucket."""
        return self._call("head_bucket") is not None

    def read(self, key: str) -> Found | None:
        """An object; None where there is none, or no bucket."""
        answer = self._call("get_object", Key=key)
        return None if answer is None else Found(answer["Body"].read(), answer["ETag"])

    def list_keys(self) -> Iterator[str]:
        """Keys of all objects there are; of a bucket that does not exist none."""
        following: dict[str, str] = {}
        while answer := self._call("list_objects_v2", **following):
            yield from (item["Key"] for item in answer.get("Contents", []))
            if not answer["IsTruncated"]:
                return
            following = {"ContinuationToken": answer["NextContinuationToken"]}

    def write(self, key: str, content: bytes, version: str | None) -> bool:
        """Write an object in the place of a version, None for none, and tell whether that was so.

        See "Conditional writes" in the Amazon S3 User Guide.
        """
        condition = {"IfNoneMatch": "*"} if version is None else {"IfMatch": version}
        return self._call("put_object", Key=key, Body=content, **condition) is not None

    def delete(self, key: str, version: str) -> None:
        """Delete an object that is still that version; another one stays."""
        self._call("delete_object", Key=key, IfMatch=version)

    def _call(self, operation: str, **arguments: Any) -> Any:
        """The answer; None where there is nothing to read, or the condition of the call does not hold."""
        # Whoever has a client has botocore.
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return getattr(self._s3, operation)(Bucket=self._bucket, **arguments)
        except ClientError as error:
            code, status = error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
            # 409: another write of this object is under way.
            if code == "NoSuchKey" or status in (409, 412):
                return None
            # To write into no bucket is another matter.
            if status == 404 and operation in ("get_object", "head_bucket", "list_objects_v2"):
                return None
            raise StoreError(str(error)) from error
        except BotoCoreError as error:
            raise StoreError(str(error)) from error


class CloudStorageStore:
    """A bucket of Cloud Storage, with the methods of S3Store and the bucket's own.

    Args:
        bucket: name of the bucket.
        session: sends requests with credentials.
        address: where the JSON API is.
    """

    def __init__(self, bucket: str, session: GoogleSession, address: str) -> None:
        self._session, self._address, self._bucket = session, address, bucket
        self.url = f"gs://{bucket}"

    @classmethod
    def of_environment(cls, bucket: str) -> CloudStorageStore:
        """With the credentials and the address that Terraform's google provider finds.

        `GOOGLE_STORAGE_CUSTOM_ENDPOINT` leads elsewhere, as `http://127.0.0.1:4567/storage/v1/`.
        """
        try:
            session = GoogleSession()
        except GoogleError as error:
            raise StoreError(str(error)) from error
        endpoint = os.environ.get("GOOGLE_STORAGE_CUSTOM_ENDPOINT") or _STORAGE
        return cls(bucket, session, endpoint.rstrip("/").removesuffix("/storage/v1"))

    def exists(self) -> bool:
        """See S3Store."""
        return self.bucket() is not None

    def read(self, key: str) -> Found | None:
        """See S3Store."""
        answer = self._call("GET", self._object(key), alt="media")
        return None if answer is None else Found(answer.content, answer.headers["X-Goog-Generation"])

    def list_keys(self) -> Iterator[str]:
        """See S3Store."""
        return (item["name"] for item in self._objects())

    def write(self, key: str, content: bytes, version: str | None) -> bool:
        """See S3Store ("Request preconditions" in the documentation of Cloud Storage)."""
        path = f"/upload/storage/v1/b/{self._bucket}/o"
        query = {"uploadType": "media", "name": key, "ifGenerationMatch": version or "0"}
        if self._call("POST", path, content, **query) is not None:
            return True
        # One that was sent again after an error may have been carried out before it: then its own object is in the way.
        found = self.read(key)
        return found is not None and found.content == content

    def delete(self, key: str, version: str) -> None:
        """See S3Store."""
        self._call("DELETE", self._object(key), ifGenerationMatch=version)

    def bucket(self) -> dict[str, Any] | None:
        """The bucket as the JSON API describes it; None where there is none."""
        answer = self._call("GET", f"/storage/v1/b/{self._bucket}")
        return None if answer is None else answer.json()

    def create_bucket(self, project: str, description: dict[str, Any]) -> None:
        """Make the bucket.

        Args:
            project: id of the project it is to be in.
            description: what the JSON API takes ("Buckets: insert"), without its name.
        """
        body = json.dumps({"name": self._bucket} | description).encode()
        self._call("POST", "/storage/v1/b", body, project=project)

    def patch_bucket(self, description: dict[str, Any]) -> None:
        """Change the bucket's settings ("Buckets: patch")."""
        self._call("PATCH", f"/storage/v1/b/{self._bucket}", json.dumps(description).encode())

    def delete_bucket(self) -> None:
        """Delete the bucket with every version of everything that is in it."""
        for item in list(self._objects(versions="true")):
            self._call("DELETE", self._object(item["name"]), generation=item["generation"])
        self._call("DELETE", f"/storage/v1/b/{self._bucket}")

    def _objects(self, **query: str) -> Iterator[dict[str, Any]]:
        """The objects as the JSON API describes them; of a bucket that does not exist none."""
        while answer := self._call("GET", f"/storage/v1/b/{self._bucket}/o", None, **query):
            listing = answer.json()
            yield from listing.get("items", [])
            if "nextPageToken" not in listing:
                return
            query["pageToken"] = listing["nextPageToken"]

    def _object(self, key: str) -> str:
        return f"/storage/v1/b/{self._bucket}/o/{quote(key, safe='')}"

    def _call(self, method: str, path: str, content: bytes | None = None, **query: str) -> Any:
        """The answer; None where there is no such object, or the condition of the call does not hold."""
        try:
            answer = self._session.request(
                method,
                self._address + path,
                # "Retry strategy" of Cloud Storage: with this condition, whatever the method.
                repeatable="ifGenerationMatch" in query,
                params=query,
                data=content,
                headers={"Content-Type": "application/json"},
            )
        except GoogleError as error:
            raise StoreError(str(error)) from error
        if answer.status_code == 412 or (answer.status_code == 404 and method != "POST"):
            return None
        if not answer.ok:
            raise StoreError(f"{self.url} answers {answer.status_code}: {answer.text}")
        return answer


Store = S3Store | CloudStorageStore


def open_store(store: str, bucket: str, s3: Callable[[], Any]) -> Store:
    """A bucket.

    Args:
        store: `s3` or `gcs`.
        bucket: its name.
        s3: makes a boto3 client of S3, where that is needed.
    """
    return S3Store(s3(), bucket) if store == "s3" else CloudStorageStore.of_environment(bucket)
