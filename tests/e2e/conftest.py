"""Environments of end-to-end tests: one for the whole site, and one for each platform."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.runs import PROJECT, Site, aws_client, succeeded
from tests.e2e.test_site import APPS
from tests.rehearsal import running_cloud


@pytest.fixture(scope="session")
def _sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Site]]:
    """Gives the site of an environment, by its name and its apps; always the same one."""
    sites: dict[str, Site] = {}

    def site(environment: str, apps: Collection[str]) -> Site:
        if environment not in sites:
            sites[environment] = Site(tmp_path_factory.mktemp(environment), environment, apps)
        return sites[environment]

    with running_cloud():
        yield site


@pytest.fixture(scope="module")
def site(request: pytest.FixtureRequest, _sites: Callable[..., Site]) -> Site:
    """The site of a test file: its ENVIRONMENT, with its APPS."""
    return _sites(request.module.ENVIRONMENT, request.module.APPS)


@pytest.fixture
def everything(site: Site) -> None:
    """Every app, deployed now or by a test before."""
    summary = site.build / "summary.json"
    if not summary.exists() or not set(APPS) <= set(site.summary()):
        succeeded(site.run())


@pytest.fixture(scope="session")
def aws() -> Any:
    """Clients of the emulator: `aws("rds")` is one."""
    return aws_client


@pytest.fixture(scope="session")
def project() -> Path:
    """The project's root folder."""
    return PROJECT
