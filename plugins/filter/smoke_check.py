# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""Filters about an application's answers: how they differ from what a smoke check expects."""

from __future__ import annotations

import json
from typing import Any

Json = dict[str, Any]

# What answers in the application's place: Cloud Run to who may not call a service, and a shared load balancer
# (terraform/modules/load_balancer) to a host name that it does not know.
_OF_THE_PLATFORM = ("Your client does not have permission to get URL", "No application has this host name.")


def answer_problems(answer: Json, expected: Json) -> list[str]:
    """What is wrong with an answer; empty when it is as expected.

    Args:
        answer: what `ansible.builtin.uri` returned, with its content.
        expected: `status` (the HTTP status, 200 where it is not given), `body` (the whole body, without
            white space around it), `json` (members that the JSON body must have, with their values) and
            `optional` (whether the application may lack it: its answer may have any other status below 500,
            and lack members); none has to be given.
    """
    # -1 is what the module says where nothing answered.
    if answer.get("status", -1) == -1:
        return [f"no answer ({answer.get('msg', 'no reason given')})"]
    content = answer.get("content", "")
    status, wanted, optional = answer["status"], expected.get("status", 200), expected.get("optional", False)
    if optional and status != wanted and status < 500:
        is_of_the_platform = any(text in content for text in _OF_THE_PLATFORM)
        return [f"status is {status}, from the platform and not from the application"] if is_of_the_platform else []
    problems = []
    if status != wanted:
        # What follows a question mark may be a secret.
        to = f", to {answer['location'].partition('?')[0]}" if answer.get("location") else ""
        problems.append(f"status is {status}{to}, expected {'one below 500' if optional else wanted}")
    if "body" in expected and content.strip() != expected["body"]:
        problems.append(f"body is {content.strip()!r}, expected {expected['body']!r}")
    if expected.get("json"):
        try:
            document = json.loads(content)
        except json.JSONDecodeError:
            return problems if optional else [*problems, f"body is not JSON: {content.strip()[:200]!r}"]
        members = document if isinstance(document, dict) else {}
        for name, value in expected["json"].items():
            found = members.get(name)
            if found != value and (name in members or not optional):
                problems.append(f"{name} is {found!r}, expected {value!r}")
    return problems


def answered_requests(answers: list[Json]) -> list[Json]:
    """Which requests were sent and how they were answered, without headers and bodies.

    Args:
        answers: the results of a loop of `ansible.builtin.uri` over requests.

    Returns:
        `request` (such as `GET /health`), `status` (-1 where nothing answered), `attempts` and `problems` of each.
    """
    rows = []
    for answer in answers:
        expected = answer[answer["ansible_loop_var"]]
        rows.append(
            {
                "request": f"{expected.get('method', 'GET')} {expected['path']}",
                "status": answer.get("status", -1),
                "attempts": answer.get("attempts", 1),
                "problems": list(dict.fromkeys(map(_without_body, answer_problems(answer, expected)))),
            }
        )
    return rows


def _without_body(problem: str) -> str:
    """A problem without what it quotes: a body may hold anything, where an application has failed."""
    return problem if problem.startswith(("status is ", "no answer ")) else "the body is not as expected"


class FilterModule:
    """The filters, by the names playbooks use."""

    def filters(self) -> Json:
        return {"answer_problems": answer_problems, "answered_requests": answered_requests}
