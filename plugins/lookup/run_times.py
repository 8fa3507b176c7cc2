# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Lookup that says how long the steps of this run have taken so far."""

from __future__ import annotations

DOCUMENTATION = r"""
name: run_times
short_description: Say how long the steps of this run have taken so far
description:
  - Returns what the callback P(slipway.provision.run_times#callback) has noted.
options:
  _terms:
    description: None.
    type: list
    elements: str
author: Slipway (@slipway)
"""

EXAMPLES = r"""
- name: Show what took longest
  ansible.builtin.debug:
    msg: "{{ lookup('slipway.provision.run_times').steps | sort(attribute='seconds') | last }}"
"""

RETURN = r"""
_raw:
  description:
    - C(began) in seconds since 1970 and C(seconds) of all, C(steps) with C(name) and C(seconds) of each in the order in
      which they began, C(changed), the names of the tasks by which each host changed, or would in a dry run, and
      C(failed), the first failed task of each host.
    - An empty dictionary where the callback is not enabled.
  type: list
  elements: dict
"""

import time
from typing import Any

from ansible.plugins.lookup import LookupBase
from ansible_collections.slipway.provision.plugins.plugin_utils.run_times import RUN


class LookupModule(LookupBase):
    """The lookup."""

    def run(self, terms: list[str], **_: Any) -> list[dict[str, Any]]:
        """Return what is known so far."""
        del terms
        return [RUN.report(time.time())]
