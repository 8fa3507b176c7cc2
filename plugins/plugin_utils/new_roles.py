# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""What AWS services say of an IAM role that they do not know yet."""

from __future__ import annotations

import re

# "Changes that I make are not always immediately visible" (AWS IAM user guide). In the words of ECS where a task
# definition is registered (github.com/terraform-aws-modules/terraform-aws-ecs/issues/414) and a task is run
# (github.com/pulumi/pulumi-awsx/issues/927), and of App Runner.
_NAMED = re.compile(
    r"(?:perform: iam:PassRole on resource:|in assuming (?:access|instance) role|unable to assume the role)"
    r" '?arn:[\w-]+:iam::\d+:role/(?:[\w+=,.@/-]*/)?([\w+=,.@-]+)"
)
# RegisterTaskDefinition of ECS (github.com/fabfuel/ecs-deploy/issues/231).
_UNNAMED = re.compile(r"\bClientException\b.{0,60}: Role is not valid")


def refused_roles(said: str) -> list[str | None]:
    """Names of roles that a service has refused; None for one that it does not name.

    Args:
        said: by Terraform, or the text of an exception of boto3.
    """
    # Terraform breaks lines, and draws a border beside them.
    said = " ".join(said.replace("│", " ").split())
    return [*_NAMED.findall(said), *([None] if _UNNAMED.search(said) else [])]
