"""playbooks/awx.yml makes in AWX what it says, and nothing the second time; it refuses what is wrong before that."""

from __future__ import annotations

import configparser
import importlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

from tests.contract.awx_api import Awx, RefusedError

PROJECT = Path(__file__).resolve().parents[2]
PLAYBOOK = PROJECT / "playbooks/awx.yml"
TOKEN = "token-of-the-stand-in"
IMAGE = "registry.example.com/slipway-ee:0.2.0"
URL = "https://git.example.com/shop.git"
TAG = "0123456789abcdef0123456789abcdef"

Json = dict[str, Any]


class _Loader(yaml.SafeLoader):
    """Takes a text that Ansible does not template as a text."""


_Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))
DATA: Json = _Loader((PROJECT / "playbooks/files/awx.yml").read_text()).get_single_data()
TASKS: dict[str, Json] = {
    name: task | {"arguments": task[name]}
    for task in yaml.safe_load(PLAYBOOK.read_text())[0]["tasks"]
    for name in task
    if name.startswith("awx.awx.")
}


class Repository:
    """A user's repository: the inventories of this one, with what they say of AWX.

    Args:
        folder: where it is made.
        variables: what group_vars/all/awx.yml says, by environment.
    """

    def __init__(self, folder: Path, variables: dict[str, Json]) -> None:
        self._folder = folder
        shutil.copytree(PROJECT / "inventories", folder / "inventories", symlinks=True)
        for environment, values in variables.items():
            file = folder / f"inventories/{environment}/group_vars/all/awx.yml"
            file.write_text(yaml.safe_dump(values))

    def run(self, environment: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run playbooks/awx.yml.

        Args:
            environment: name of the inventory.
            variables: environment variables, such as CONTROLLER_HOST.
        """
        return ansible(self._folder, "ansible-playbook", PLAYBOOK, "-i", f"inventories/{environment}", **variables)


def ansible(folder: Path, *command: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command of Ansible with no environment variables of AWX, proxies or the user's own files.

    Args:
        folder: where it runs.
        command: the command with its arguments.
        variables: further environment variables.
    """
    foreign = re.compile(r"(?i)(CONTROLLER|TOWER)_|\w+_proxy$")
    kept = {name: value for name, value in os.environ.items() if not foreign.match(name)}
    environment = kept | {"ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg"), "HOME": str(folder), **variables}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def recap(run: subprocess.CompletedProcess[str]) -> dict[str, int]:
    """The counts of the host in the recap of a run."""
    line = re.search(r"^localhost +: (.+)$", run.stdout, re.MULTILINE)
    assert line, run.stdout + run.stderr
    return {name: int(count) for name, count in (one.split("=") for one in line[1].split())}


@dataclass
class Applied:
    """What AWX holds after two runs for staging and one for prod.

    Attributes:
        awx: the AWX.
        first: the first run for staging.
        second: the second one.
        prod: the run for prod.
        between: what AWX held after the first run, as JSON.
        after: the same after the second one.
    """

    awx: Awx
    first: subprocess.CompletedProcess[str]
    second: subprocess.CompletedProcess[str]
    prod: subprocess.CompletedProcess[str]
    between: str
    after: str


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Applied]:
    shared = {"slipway_awx_project_url": URL, "slipway_awx_image": IMAGE}
    staging = {
        "slipway_awx_deployer_credentials": ["staging deployer", "engine"],
        "slipway_awx_planner_credentials": ["staging planner"],
        "slipway_awx_notification_templates": ["chat"],
        "slipway_awx_destroy_enabled": True,
    }
    repository = Repository(tmp_path_factory.mktemp("awx"), {"staging": shared | staging, "prod": shared})
    with Awx(PROJECT, TOKEN).serve() as awx:
        # What people make in AWX.
        for name in ("staging deployer", "staging planner", "engine"):
            awx.add("credentials", name=name)
        awx.add("notification_templates", name="chat")

        def run(environment: str) -> tuple[subprocess.CompletedProcess[str], str]:
            done = repository.run(environment, CONTROLLER_HOST=awx.url, CONTROLLER_OAUTH_TOKEN=TOKEN)
            assert done.returncode == 0, done.stdout + done.stderr
            return done, json.dumps([awx.objects, awx.lists, awx.surveys], sort_keys=True)

        first, between = run("staging")
        second, after = run("staging")
        prod, _ = run("prod")
        yield Applied(awx, first, second, prod, between, after)


def test_second_run_changes_nothing(applied: Applied) -> None:
    # Objects of one kind are a task.
    assert recap(applied.first)["changed"] == len(TASKS) == 10
    assert recap(applied.second)["changed"] == 0
    assert applied.between == applied.after


def test_prod_shares_what_is_no_environments(applied: Applied) -> None:
    for resource in ("organizations", "execution_environments", "projects"):
        assert list(applied.awx.named(resource)) == ["Slipway"]
    assert recap(applied.prod)["changed"] == 6
    assert list(applied.awx.named("inventories")) == ["Slipway staging", "Slipway prod"]
    project = applied.awx.named("projects")["Slipway"]
    assert (project["scm_url"], applied.awx.named("execution_environments")["Slipway"]["image"]) == (URL, IMAGE)


def test_inventory_is_the_one_of_the_repository(applied: Applied) -> None:
    sources = applied.awx.objects["inventory_sources"]
    assert [one["source_path"] for one in sources] == [f"inventories/{name}/hosts.yml" for name in ("staging", "prod")]
    assert all(one["overwrite"] and one["overwrite_vars"] and one["update_on_launch"] for one in sources)


def test_job_templates_are_the_verbs(applied: Applied) -> None:
    templates = applied.awx.named("job_templates")
    verbs = {name: (one["playbook"], one["job_type"], one["ask_limit_on_launch"]) for name, one in templates.items()}
    common = {
        "deploy": ("playbooks/deploy.yml", "run", True),
        "plan": ("playbooks/deploy.yml", "check", True),
        "drift": ("playbooks/drift.yml", "check", True),
        "smoke check": ("playbooks/smoke_check.yml", "run", True),
        "status": ("playbooks/status.yml", "run", True),
        "costs": ("playbooks/costs.yml", "run", False),
        "validate": ("playbooks/validate.yml", "run", False),
    }
    expected = {f"{environment} {name}": value for environment in ("staging", "prod") for name, value in common.items()}
    # prod is destroyed by no job.
    assert verbs == expected | {"staging destroy": ("playbooks/destroy.yml", "run", True)}
    for name, template in templates.items():
        environment = name.partition(" ")[0]
        limit = "Limit: main, main-gcp, tasks, beers, web, hello-gcp; none for all."
        says_limit = template["description"].endswith(limit)
        assert says_limit == template["ask_limit_on_launch"]
        assert json.loads(template["extra_vars"])["inventory_dir"] == f"/runner/project/inventories/{environment}"


def test_who_changes_has_the_deployers_credentials_and_nobody_else(applied: Applied) -> None:
    names = {item["id"]: item["name"] for item in applied.awx.objects["credentials"]}
    held = {
        name: sorted(names[one] for one in applied.awx.lists.get(template["related"]["credentials"], []))
        for name, template in applied.awx.named("job_templates").items()
    }
    for name, credentials in held.items():
        environment, _, verb = name.partition(" ")
        changes = ["engine", "staging deployer"] if verb in ("deploy", "destroy") else ["staging planner"]
        assert credentials == (changes if environment == "staging" else []), name


def test_surveys_ask_for_what_the_playbooks_take(applied: Applied) -> None:
    surveys = {
        name: [question["variable"] for question in applied.awx.surveys[template["url"]].get("spec", [])]
        for resource in ("job_templates", "workflow_job_templates")
        for name, template in applied.awx.named(resource).items()
    }
    asked = {"deploy": ["release_tag"], "plan": ["release_tag"], "destroy": ["slipway_confirm"]}
    asked["deploy after approval"] = asked["deploy"]
    assert {name: asked.get(name.partition(" ")[2], []) for name in surveys} == surveys
    destroy = applied.awx.named("job_templates")["staging destroy"]
    assert applied.awx.surveys[destroy["url"]]["spec"][0]["required"]


def test_workflow_deploys_after_an_approval(applied: Applied) -> None:
    workflow = applied.awx.named("workflow_job_templates")["staging deploy after approval"]
    nodes = {
        node["id"]: node
        for node in applied.awx.objects["workflow_job_template_nodes"]
        if node["workflow_job_template"] == workflow["id"]
    }
    names = {number: node["identifier"] for number, node in nodes.items()}
    next_ones = {
        node["identifier"]: applied.awx.lists.get(node["related"]["success_nodes"], []) for node in nodes.values()
    }
    after = {name: [names[one] for one in ids] for name, ids in next_ones.items()}
    assert after == {"plan": ["approve"], "approve": ["deploy"], "deploy": ["smoke_check"], "smoke_check": []}
    by_id = {
        item["id"]: item
        for resource in ("job_templates", "workflow_approval_templates")
        for item in applied.awx.objects[resource]
    }
    runs = {node["identifier"]: by_id[node["unified_job_template"]] for node in nodes.values()}
    assert runs["approve"]["type"] == "workflow_approval_template"
    assert [runs[name]["name"] for name in ("plan", "deploy", "smoke_check")] == [
        "staging plan",
        "staging deploy",
        "staging smoke check",
    ]


def test_drift_is_looked_for_every_night(applied: Applied) -> None:
    templates = {template["id"]: template["name"] for template in applied.awx.objects["job_templates"]}
    planned = {one["name"]: templates[one["unified_job_template"]] for one in applied.awx.objects["schedules"]}
    assert planned == {"staging drift": "staging drift", "prod drift": "prod drift"}


def test_people_are_told_of_failures_and_approvals(applied: Applied) -> None:
    organization = applied.awx.named("organizations")["Slipway"]
    chat = applied.awx.named("notification_templates")["chat"]["id"]
    for event in ("error", "approvals"):
        assert applied.awx.lists[organization["related"][f"notification_templates_{event}"]] == [chat]


@pytest.mark.parametrize(
    ("environment", "variables", "host", "token", "message"),
    [
        ("staging", {"slipway_awx_image": IMAGE}, True, TOKEN, "slipway_awx_project_url is not set. Write it into "
         "inventories/staging/group_vars/all/awx.yml."),
        ("staging", {}, False, TOKEN, "the environment variable CONTROLLER_HOST is not set"),
        ("staging", {}, True, "another", "Invalid authentication credentials"),
        ("staging", {"slipway_awx_projekt_url": URL}, True, TOKEN, "slipway_awx_projekt_url. Supported parameters"),
        ("staging", {"slipway_awx_destroy_enabled": "perhaps"}, True, TOKEN, "perhaps' is not a valid boolean"),
        ("prod", {"slipway_awx_destroy_enabled": True}, True, TOKEN, "slipway_awx_destroy_enabled is set, but prod is "
         "destroyed by no job. Remove it from inventories/prod/group_vars/all/awx.yml."),
        ("dev", {}, True, TOKEN, "the environment dev is rehearsed on one machine, which AWX cannot reach"),
    ],
)  # fmt: skip
def test_wrong_input_is_refused_before_awx_is_touched(
    environment: str, variables: Json, host: bool, token: str, message: str, tmp_path: Path
) -> None:
    needed = {} if message.startswith("slipway_awx_project_url") else {"slipway_awx_project_url": URL}
    repository = Repository(tmp_path, {environment: {"slipway_awx_image": IMAGE} | needed | variables})
    with Awx(PROJECT, TOKEN).serve() as awx:
        address = {"CONTROLLER_HOST": awx.url} if host else {}
        run = repository.run(environment, CONTROLLER_OAUTH_TOKEN=token, **address)
    assert run.returncode == 2
    assert message in run.stdout
    assert awx.changes == []


def test_credential_that_awx_has_not_is_named(tmp_path: Path) -> None:
    values = {"slipway_awx_project_url": URL, "slipway_awx_image": IMAGE, "slipway_awx_image_credential": "regystry"}
    with Awx(PROJECT, TOKEN).serve() as awx:
        awx.add("credentials", name="registry")
        run = Repository(tmp_path, {"staging": values}).run(
            "staging", CONTROLLER_HOST=awx.url, CONTROLLER_OAUTH_TOKEN=TOKEN
        )
    assert run.returncode == 2
    assert "/api/v2/credentials/?name=regystry returned 0 items, expected 1" in run.stdout


def _options(module: str) -> Json:
    """What a module takes, as its documentation has it."""
    path = f"ansible_collections.awx.awx.plugins.modules.{module.rpartition('.')[2]}"
    documentation: Json = yaml.safe_load(importlib.import_module(path).DOCUMENTATION)
    options: Json = documentation["options"]
    return options


def _unknown(arguments: Json, options: Json, where: str = "") -> Iterator[str]:
    """Arguments that a module has not, and choices that it refuses; also in what it takes without looking."""
    for name, value in arguments.items():
        option = options.get(name)
        if option is None:
            yield f"{where}{name}"
            continue
        if "choices" in option and "{{" not in str(value) and value not in option["choices"]:
            yield f"{where}{name}: {value}"
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict) and "suboptions" in option:
                yield from _unknown(one, option["suboptions"], f"{where}{name}.")


@pytest.mark.parametrize("module", TASKS)
def test_arguments_are_those_of_the_module(module: str) -> None:
    assert list(_unknown(TASKS[module]["arguments"], _options(module))) == []


def test_argument_that_there_is_not_is_seen() -> None:
    nodes = [{"identifier": "plan", "unified_job_template": {"nam": "plan"}}]
    arguments = {"name": "x", "workflow_nodes": nodes, "webhook_service": "gitea", "survey_specs": {}}
    unknown = list(_unknown(arguments, _options("awx.awx.workflow_job_template")))
    assert unknown == ["workflow_nodes.unified_job_template.nam", "webhook_service: gitea", "survey_specs"]


def _as_awx_runs(applied: Applied, folder: Path, answers: Json, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A playbook with the inventory and the variables of the job template `staging deploy`, as AWX writes them.

    Args:
        applied: the AWX that holds it.
        folder: where the inventory is, which is not the repository.
        answers: to the survey.
        arguments: further ones of ansible-playbook.
    """
    source = str(PROJECT / "inventories/staging/hosts.yml")
    listed = ansible(folder, "ansible-inventory", "-i", source, "--list", "--export")
    script = folder / "hosts"
    script.write_text(f"#!/usr/bin/env python3\nprint({listed.stdout!r})\n")
    script.chmod(0o700)
    text = applied.awx.named("job_templates")["staging deploy"]["extra_vars"]
    variables = json.loads(text.replace("/runner/project", str(PROJECT)))
    # A template may be a template; an answer is a text.
    (folder / "extravars").write_text(
        yaml.safe_dump(variables) + "".join(f"{name}: !unsafe '{value}'\n" for name, value in answers.items())
    )
    shown = ["{{ slipway_release }}", "{{ image_source }}", "{{ inventory_file }}"]
    play = {"hosts": "tasks", "gather_facts": False, "tasks": [{"ansible.builtin.debug": {"msg": shown}}]}
    (folder / "show.yml").write_text(yaml.safe_dump([play]))
    return ansible(folder, "ansible-playbook", "show.yml", "-i", script, "-e", "@extravars", *arguments)


@pytest.mark.parametrize(
    ("answers", "arguments", "release"),
    [
        ({"release_tag": TAG}, ["--limit", "tasks"], {"tasks": {"tag": TAG}}),
        ({"release_tag": ""}, [], {}),
        ({}, ["--limit", "tasks"], {}),
    ],
)
def test_answers_become_the_release_of_the_app_of_the_limit(
    applied: Applied, answers: Json, arguments: list[str], release: Json, tmp_path: Path
) -> None:
    run = _as_awx_runs(applied, tmp_path, answers, *arguments)
    shown = yaml.safe_load(run.stdout.partition("=> \n")[2].partition("\n\n")[0])["msg"]
    # Paths are those of the repository, though the inventory is not in it.
    assert shown == [release, f"{PROJECT}/inventories/staging/../../app", f"{tmp_path}/hosts"]


@pytest.mark.parametrize(
    ("answers", "arguments", "message"),
    [
        ({"release_tag": TAG}, [], "A release is for one app: name the app in the limit."),
        ({}, ["--limit", "task"], "leaves us with no hosts to target"),
    ],
)
def test_wrong_answer_is_refused(
    applied: Applied, answers: Json, arguments: list[str], message: str, tmp_path: Path
) -> None:
    run = _as_awx_runs(applied, tmp_path, answers, *arguments)
    assert run.returncode != 0
    assert message in run.stdout + run.stderr


@pytest.mark.parametrize(
    ("given", "source"),
    [
        ({"access_key_id": "AKIAEXAMPLE", "secret_access_key": "example"}, {"source_profile": "key"}),
        ({"credential_source": "EcsContainer"}, {"credential_source": "EcsContainer"}),
        ({}, {"credential_source": "Ec2InstanceMetadata"}),
    ],
)
def test_role_is_taken_with_a_key_or_without_one(given: Json, source: Json) -> None:
    role = next(one for one in DATA["__awx_credential_types"] if one["name"] == "Slipway AWS role")
    arn = "arn:aws:iam::111122223333:role/slipway/staging-deployer"
    template = role["injectors"]["file"]["template"]
    file = configparser.ConfigParser(default_section="")
    file.read_string(jinja2.Environment(autoescape=True).from_string(template).render(role_arn=arn, **given))
    assert dict(file["default"]) == {"role_arn": arn, **source}
    if "source_profile" in source:
        assert list(file["profile key"].values()) == list(given.values())


@pytest.mark.parametrize(
    ("resource", "fields", "refused"),
    [
        ("job_templates", {"name": "x", "project": 99, "playbook": "playbooks/deploy.yml"}, "project"),
        ("inventories", {"name": "x"}, "organization"),
        ("schedules", {"name": "x", "unified_job_template": None, "rrule": "FREQ=DAILY"}, "rrule"),
        ("credential_types", {"name": "x", "kind": "vault"}, "kind"),
        ("credential_types", {"name": "x", "kind": "net", "injectors": {"env": {"X": "{{ host }}"}}}, "injectors"),
        ("organizations", {"name": "there"}, "__all__"),
    ],
)
def test_stand_in_refuses_what_awx_refuses(resource: str, fields: Json, refused: str) -> None:
    awx = Awx(PROJECT, TOKEN)
    awx.add("organizations", name="there")
    with pytest.raises(RefusedError) as answer:
        awx.add(resource, **fields)
    assert refused in answer.value.body
