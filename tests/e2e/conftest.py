"""One environment for all end-to-end tests, deployed by the first of them and destroyed by the last."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.e2e.runs import CLOUD_ENVIRONMENT, PROJECT, Site, succeeded
from tests.e2e.test_site import APPS
from tests.rehearsal import emulator


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The environment's site; a rehearsal cloud that the tests started is stopped after them."""
    ran_before = emulator("status") == 0
    yield Site(tmp_path_factory.mktemp("site"))
    if not ran_before:
        emulator("stop")


@pytest.fixture
def everything(site: Site) -> None:
    """Every app, deployed now or by a test before."""
    summary = site.build / "summary.json"
    if not summary.exists() or not set(APPS) <= set(site.summary()):
        succeeded(site.run())


@pytest.fixture(scope="session")
def aws() -> Any:
    """A boto3 session of the rehearsal cloud: `aws("rds")` is a client."""
    session = boto3.session.Session(
        aws_access_key_id=CLOUD_ENVIRONMENT["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CLOUD_ENVIRONMENT["AWS_SECRET_ACCESS_KEY"],
        region_name=CLOUD_ENVIRONMENT["AWS_DEFAULT_REGION"],
    )
    return lambda service: session.client(service, endpoint_url=CLOUD_ENVIRONMENT["AWS_ENDPOINT_URL"])


@pytest.fixture(scope="session")
def project() -> Path:
    """The project's root folder."""
    return PROJECT
