"""Which tests must not run side by side."""

from __future__ import annotations

import pytest

# A machine has room for one rehearsal cloud at the ports that users know; the emulator's own tests have another.
_ONE_CLOUD = ("setup", "molecule", "recovery", "e2e")


# xdist reads the marks at the same moment.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep those together that share a cloud, and the others by folder, for their fixtures."""
    for item in items:
        folder = item.path.relative_to(item.config.rootpath / "tests").parts[0]
        item.add_marker(pytest.mark.xdist_group("cloud" if folder in _ONE_CLOUD else folder))
