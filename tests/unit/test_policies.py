"""The deployer's policies: how they follow from a record, and what AWS asks of those that are committed."""

from __future__ import annotations

import json
from itertools import chain
from typing import Any

import pytest

from terraform.policies import (
    Request,
    allowed_requests,
    documents,
    filled,
    lacking,
    problems,
    read_documents,
    read_requests,
    statements,
    unneeded,
)

Json = dict[str, Any]
DEPLOYER = "arn:aws:sts::000000000000:assumed-role/dev-deployer/slipway"
ARN = "arn:aws:{}:us-east-1:000000000000:{}"
GENERAL = "arn:${{partition}}:{}:${{region}}:${{account_id}}:{}"


def _line(action: str, resource: str, principal: str = DEPLOYER, **context: str) -> str:
    entry: Json = {"principal": principal, "action": action, "resource": resource, "allowed": True}
    return json.dumps(entry | ({"context": context} if context else {}))


@pytest.mark.parametrize(
    ("service", "resource", "general"),
    [
        ("ecr", "repository/dev-tasks", "repository/${environment}-*"),
        ("ecs", "service/dev-tasks/dev-tasks", "service/${environment}-*"),
        ("ecs", "task-definition/dev-tasks-migration:1", "task-definition/${environment}-*"),
        ("logs", "log-group:/aws/apprunner/dev-hello/0123/service:*", "log-group:/aws/apprunner/${environment}-*"),
        ("elasticloadbalancing", "listener/app/dev-web/1/2", "listener/app/${environment}-*"),
        ("ec2", "vpc/vpc-0123456789abcdef0", "vpc/*"),
        ("acm", "certificate/01234567-0123-0123-0123-0123456789ab", "certificate/*"),
        (
            "autoscaling",
            "autoScalingGroup:01234567-0123-0123-0123-0123456789ab:autoScalingGroupName/dev-web",
            "autoScalingGroup:*:autoScalingGroupName/${environment}-*",
        ),
        ("ssm", "document/AWS-RunShellScript", "document/AWS-RunShellScript"),
    ],
)
def test_a_resource_is_said_for_any_environment(service: str, resource: str, general: str) -> None:
    (request,) = read_requests([_line(f"{service}:Act", ARN.format(service, resource))])
    assert request.resource == GENERAL.format(service, "").replace("{}", "") + general


def test_states_are_those_of_the_environment_in_whatever_bucket() -> None:
    lines = [
        _line("s3:GetObject", "arn:aws:s3:::slipway-dev-state/dev/tasks/data"),
        _line("s3:ListBucket", "arn:aws:s3:::slipway-dev-state"),
    ]
    assert {request.resource for request in read_requests(lines)} == {
        "arn:${partition}:s3:::${state_bucket}/${environment}/*",
        "arn:${partition}:s3:::${state_bucket}",
    }


def test_a_secret_that_is_read_is_one_kind_of_secret() -> None:
    secret = ARN.format("secretsmanager", "secret:dev-tasks/database/master-AbCdEf")
    lines = [
        _line(f"secretsmanager:{action}Secret{end}", secret) for action, end in (("Get", "Value"), ("Describe", ""))
    ]
    names = {request.action: request.resource.rpartition(":")[2] for request in read_requests(lines)}
    assert names == {
        "secretsmanager:GetSecretValue": "${environment}-*/database/master-*",
        "secretsmanager:DescribeSecret": "${environment}-*",
    }


def test_secrets_of_the_environment_of_an_application() -> None:
    own = _line("secretsmanager:GetSecretValue", ARN.format("secretsmanager", "secret:dev-web/environment/KEY-AbCdEf"))
    (request,) = read_requests([own])
    assert request.resource.rpartition(":")[2] == "${environment}-*/environment/*"
    # Whoever made it names it, and the layer's own policy is about it.
    other = _line("secretsmanager:DescribeSecret", ARN.format("secretsmanager", "secret:mail-AbCdEf"))
    assert read_requests([other]) == set()


def test_only_deployers_count() -> None:
    others = [
        "arn:aws:iam::000000000000:root",
        "arn:aws:sts::000000000000:assumed-role/dev-tasks-service-task/0123",
        "arn:aws:sts::000000000000:assumed-role/dev-planner/slipway",
    ]
    assert read_requests(_line("sts:GetCallerIdentity", "*", principal) for principal in others) == set()


def test_conditions_that_limit_a_role_are_kept() -> None:
    role = "arn:aws:iam::000000000000:role/dev-tasks-service-task"
    boundary = "arn:aws:iam::000000000000:policy/slipway/dev-boundary"
    lines = [
        _line("iam:PassRole", role, **{"iam:PassedToService": "ecs-tasks.amazonaws.com"}),
        _line("iam:PassRole", role, **{"iam:PassedToService": "ec2.amazonaws.com"}),
        _line("iam:CreateRole", role, **{"iam:PermissionsBoundary": boundary, "aws:TagKeys": "Project"}),
    ]
    reading = _line("iam:GetRole", role, **{"iam:PermissionsBoundary": boundary})
    found = {one["Action"][0]: one["Condition"]["StringEquals"] for one in statements(read_requests(lines))}
    assert [one.get("Condition") for one in statements(read_requests([reading]))] == [None]
    assert found == {
        "iam:PassRole": {"iam:PassedToService": ["ec2.amazonaws.com", "ecs-tasks.amazonaws.com"]},
        "iam:CreateRole": {"iam:PermissionsBoundary": ["${boundary_arn}"]},
    }


def test_actions_on_the_same_resources_are_one_statement() -> None:
    resource = GENERAL.format("ecr", "repository/") + "${environment}-*"
    asked = [Request(f"ecr:{name}", resource, ()) for name in ("PutImage", "BatchGetImage")]
    (statement,) = statements(asked)
    assert statement["Action"] == ["ecr:BatchGetImage", "ecr:PutImage"]


def test_a_plan_only_reads() -> None:
    written = documents(
        {Request("ecr:PutImage", "*", ()), Request("ecr:DescribeImages", "*", ()), Request("s3:PutObject", "*", ())}
    )
    assert set(written) == {"deploy-compute", "plan-compute", "deploy-storage"}
    assert [one["Action"] for one in written["plan-compute"]["Statement"]] == [["ecr:DescribeImages"]]


def test_what_is_lacking_is_said() -> None:
    asked = {Request("ecr:PutImage", GENERAL.format("ecr", "repository/*"), ())}
    written = documents(asked)
    assert lacking(asked, written) == []
    more = Request("ecr:DeleteRepository", GENERAL.format("ecr", "repository/*"), ())
    assert lacking([more], written) == [more]
    other = Request("ecr:PutImage", GENERAL.format("ecs", "cluster/*"), ())
    assert lacking([other], written) == [other]


def test_too_long_too_many_too_wide_and_of_no_use_is_a_problem() -> None:
    long = {"Version": "2012-10-17", "Statement": [{"Action": ["ecr:PutImage"], "Resource": ["x" * 6200]}]}
    wide = {"Version": "2012-10-17", "Statement": [{"Action": ["ecr:PutImage"], "Resource": ["*"]}]}
    narrow = {"Version": "2012-10-17", "Statement": [{"Action": ["ecr:GetAuthorizationToken"], "Resource": ["x"]}]}
    wrong = {"Version": "2012-10-17", "Statement": [{"Action": ["ecr:PutPicture"], "Resource": ["x"]}]}
    written = {"deploy-a": long, "deploy-b": wide, "deploy-c": narrow, "deploy-d": wrong}
    found = list(problems(written | {f"plan-{n}": {"Statement": []} for n in range(11)}))
    assert len(found) == 5
    assert "11 policies of the role plan" in found[0]
    assert "deploy-a has 6" in found[1]
    assert found[2:] == [
        "deploy-b allows ecr:PutImage on *, and AWS knows resources of it",
        "deploy-c allows ecr:GetAuthorizationToken on x, and AWS decides it on * alone",
        "deploy-d allows ecr:PutPicture, which AWS does not know",
    ]


def test_what_is_kept_keeps_all_its_conditions() -> None:
    boundary, policy = ("iam:PermissionsBoundary", "b"), ("iam:PolicyARN", "p")
    asked = {Request("iam:AttachRolePolicy", "r", (boundary, policy)), Request("iam:GetRole", "r", ())}
    assert allowed_requests(documents(asked)) == asked


# -- those that are committed ----------------------------------------------------------------------------


def test_aws_takes_them() -> None:
    assert list(problems(read_documents())) == []


# Done to a role without the boundary, each would give the deployer what that role may.
_BOUND = ("iam:AttachRolePolicy", "iam:CreateRole", "iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy")


def test_nothing_lets_the_deployer_out() -> None:
    variables = {"environment": "dev", "account_id": "111122223333", "partition": "aws"}
    policies = [filled(document, **variables) for name, document in read_documents().items() if "deploy-" in name]
    allowed = [one for one in chain.from_iterable(p["Statement"] for p in policies) if one["Effect"] == "Allow"]
    for statement in allowed:
        assert not any("*" in action for action in statement["Action"])
        for action in statement["Action"]:
            if action in _BOUND:
                assert "iam:PermissionsBoundary" in statement["Condition"]["StringEquals"], action
            if action == "iam:AttachRolePolicy":
                attached = statement["Condition"]["StringEquals"]["iam:PolicyARN"]
                assert attached == ["arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"]
            if action == "iam:PassRole":
                assert "iam:PassedToService" in statement["Condition"]["StringEquals"]
            if action.startswith("iam:") and not action.startswith(("iam:Get", "iam:List")):
                assert all(resource.rpartition("/")[2].startswith("dev-") for resource in statement["Resource"])
                assert "/slipway/" not in str(statement["Resource"])
    actions = {action for statement in allowed for action in statement["Action"]}
    assert not actions & {
        *("iam:CreatePolicy", "iam:CreatePolicyVersion", "iam:DeleteRolePermissionsBoundary"),
        *("iam:PutRolePermissionsBoundary", "iam:CreateUser", "iam:CreateAccessKey"),
    }


def test_what_a_statement_allows_no_other_does() -> None:
    # So none can be taken out without a request that is refused then.
    written = read_documents()
    assert unneeded(allowed_requests(written), written) == []
