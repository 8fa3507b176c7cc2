# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""The filter that says what to do about a cloud's error."""

from __future__ import annotations

from typing import Any

from ansible_collections.slipway.provision.plugins.plugin_utils.cloud_errors import remedies


class FilterModule:
    """The filters, by the names playbooks use."""

    def filters(self) -> dict[str, Any]:
        return {"remedies": remedies}
