"""Files in the private S3 bucket, streamed both ways; what is removed moves under ``archived/``."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

ARCHIVE_PREFIX = "archived/"
CHUNK_BYTES = 64 * 1024
PART_BYTES = 5 * 1024 * 1024
"""The least that S3 takes as a part of a multipart upload; what one upload holds in memory."""

_CONFIG = Config(
    connect_timeout=2,
    read_timeout=10,
    retries={"mode": "standard", "max_attempts": 3},
    max_pool_connections=16,
)
_CHECK_CONFIG = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "max_attempts": 1})
_TRANSFER = TransferConfig(multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES, use_threads=False)


class Readable(Protocol):
    """A body to store."""

    def read(self, size: int = -1) -> bytes:
        """Return at most ``size`` bytes; none at the end."""
        ...


@dataclass(frozen=True)
class StoredObject:
    """A stored file that is being read."""

    size_bytes: int
    chunks: Iterator[bytes]
    close: Any


class Storage:
    """One bucket. Clients are made at first use: making one costs a fraction of a second and some memory."""

    def __init__(self, bucket: str) -> None:
        self.bucket = bucket
        self._lock = threading.Lock()
        self._clients: dict[int, Any] = {}

    def check(self) -> None:
        """Ask for the bucket, once and briefly (API HeadBucket, which needs ``s3:ListBucket``).

        Raises:
            botocore.exceptions.BotoCoreError: S3 cannot be reached.
            botocore.exceptions.ClientError: there is no such bucket, or no right to it.
        """
        self._client(_CHECK_CONFIG).head_bucket(Bucket=self.bucket)

    def put(self, key: str, body: Readable, content_type: str) -> None:
        """Store ``body`` part by part; when reading it fails, nothing is left behind.

        Raises:
            botocore.exceptions.BotoCoreError: S3 cannot be reached.
            botocore.exceptions.ClientError: S3 refuses.
            Exception: whatever reading ``body`` raised.
        """
        self._client(_CONFIG).upload_fileobj(
            body, self.bucket, key, ExtraArgs={"ContentType": content_type}, Config=_TRANSFER
        )

    def get(self, key: str) -> StoredObject | None:
        """Open the object; None says that there is none.

        Raises:
            botocore.exceptions.BotoCoreError: S3 cannot be reached.
            botocore.exceptions.ClientError: S3 refuses.
        """
        try:
            answer = self._client(_CONFIG).get_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if _is_missing(error):
                return None
            raise
        body = answer["Body"]
        return StoredObject(answer["ContentLength"], body.iter_chunks(CHUNK_BYTES), body.close)

    def copy_to_archive(self, key: str) -> None:
        """Copy the object under ``archived/``; one that is gone is taken as moved before.

        Raises:
            botocore.exceptions.BotoCoreError: S3 cannot be reached.
            botocore.exceptions.ClientError: S3 refuses.
        """
        try:
            self._client(_CONFIG).copy_object(
                Bucket=self.bucket, Key=ARCHIVE_PREFIX + key, CopySource={"Bucket": self.bucket, "Key": key}
            )
        except ClientError as error:
            if not _is_missing(error):
                raise

    def delete(self, key: str) -> None:
        """Delete the object, if it is there.

        Raises:
            botocore.exceptions.BotoCoreError: S3 cannot be reached.
            botocore.exceptions.ClientError: S3 refuses.
        """
        self._client(_CONFIG).delete_object(Bucket=self.bucket, Key=key)

    def _client(self, config: Config) -> Any:
        client = self._clients.get(id(config))
        if client is None:
            with self._lock:
                client = self._clients.setdefault(
                    id(config), boto3.session.Session().client("s3", config=config)
                )
        return client


def _is_missing(error: ClientError) -> bool:
    return error.response["Error"]["Code"] in ("NoSuchKey", "404")
