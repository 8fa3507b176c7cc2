"""A stand-in for AWX's REST API, as far as the modules of awx.awx and playbooks/awx.yml use it.

It keeps what it is given, and answers with the fields of AWX's serializers (awx/api/serializers.py of AWX 24.6.1): it
ignores fields that a serializer has not, and refuses what that serializer refuses where a playbook may well have it
wrong. It runs no job, and knows no users, roles or permissions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

Json = dict[str, Any]
_ROOT = "/api/v2/"


@dataclass(frozen=True)
class Resource:
    """What AWX says of one kind of object.

    Attributes:
        type: its name as a type.
        fields: what a request may set, with the defaults.
        required: fields that a request has to set.
        choices: the values of fields that have no others.
        references: the resources that fields name by id.
        lists: lists of other objects, which have an address each, with their resource.
        unique: fields of which two objects have not the same.
    """

    type: str
    fields: Json
    required: tuple[str, ...] = ("name",)
    choices: dict[str, tuple[str, ...]] = field(default_factory=dict)
    references: dict[str, str] = field(default_factory=dict)
    lists: dict[str, str] = field(default_factory=dict)
    unique: tuple[str, ...] = ("name",)


_NAMED = {"name": "", "description": ""}
_NOTIFICATIONS = {
    f"notification_templates_{event}": "notification_templates" for event in ("started", "success", "error")
}
# What a node of a workflow or a schedule may give to the job.
_PROMPTS = dict.fromkeys(
    [
        "scm_branch",
        "job_type",
        "job_tags",
        "skip_tags",
        "limit",
        "diff_mode",
        "verbosity",
        "forks",
        "timeout",
        "job_slice_count",
        "inventory",
        "execution_environment",
    ]
)
_ASKED = [
    "scm_branch",
    "diff_mode",
    "variables",
    "limit",
    "tags",
    "skip_tags",
    "job_type",
    "verbosity",
    "inventory",
    "credential",
    "labels",
    "forks",
    "timeout",
    "execution_environment",
    "job_slice_count",
    "instance_groups",
]
_ASKED_OF_WORKFLOWS = ("variables", "inventory", "scm_branch", "limit", "labels", "tags", "skip_tags")
_RESOURCES = {
    "organizations": Resource(
        "organization",
        _NAMED | {"max_hosts": 0, "default_environment": None},
        references={"default_environment": "execution_environments"},
        lists=_NOTIFICATIONS | {"notification_templates_approvals": "notification_templates"},
    ),
    "execution_environments": Resource(
        "execution_environment",
        _NAMED | {"organization": None, "image": "", "credential": None, "pull": ""},
        required=("name", "image"),
        choices={"pull": ("", "always", "missing", "never")},
        references={"organization": "organizations", "credential": "credentials"},
    ),
    "credential_types": Resource(
        "credential_type",
        _NAMED | {"kind": "", "inputs": {}, "injectors": {}},
        required=("name", "kind"),
        choices={"kind": ("cloud", "net")},
    ),
    "credentials": Resource("credential", _NAMED),
    "notification_templates": Resource("notification_template", _NAMED),
    "projects": Resource(
        "project",
        _NAMED
        | dict.fromkeys(("scm_type", "scm_url", "scm_branch", "scm_refspec"), "")
        | dict.fromkeys(("scm_clean", "scm_track_submodules", "scm_delete_on_update", "scm_update_on_launch"), False)
        | {"credential": None, "timeout": 0, "organization": None, "scm_update_cache_timeout": 0}
        | {"default_environment": None, "allow_override": False, "scm_revision": ""},
        choices={"scm_type": ("", "git", "svn", "insights", "archive")},
        references={
            "organization": "organizations",
            "credential": "credentials",
            "default_environment": "execution_environments",
        },
        lists=_NOTIFICATIONS,
        unique=("name", "organization"),
    ),
    "inventories": Resource(
        "inventory",
        _NAMED | {"organization": None, "kind": "", "host_filter": None, "variables": ""},
        required=("name", "organization"),
        choices={"kind": ("", "smart", "constructed")},
        references={"organization": "organizations"},
        unique=("name", "organization"),
    ),
    "inventory_sources": Resource(
        "inventory_source",
        _NAMED
        | dict.fromkeys(("source", "source_path", "source_vars", "scm_branch", "enabled_var", "enabled_value"), "")
        | {"inventory": None, "credential": None, "execution_environment": None, "source_project": None, "timeout": 0}
        | {"overwrite": False, "overwrite_vars": False, "update_on_launch": False, "update_cache_timeout": 0}
        | {"verbosity": 1, "limit": "", "host_filter": ""},
        required=("name", "inventory", "source"),
        choices={"source": ("scm",)},
        references={
            "inventory": "inventories",
            "source_project": "projects",
            "execution_environment": "execution_environments",
        },
        lists=_NOTIFICATIONS,
        unique=("name", "inventory"),
    ),
    "job_templates": Resource(
        "job_template",
        _NAMED
        | dict.fromkeys((f"ask_{name}_on_launch" for name in _ASKED), False)
        | {"job_type": "run", "inventory": None, "project": None, "playbook": "", "scm_branch": "", "forks": 0}
        | {"limit": "", "verbosity": 0, "extra_vars": "", "job_tags": "", "skip_tags": "", "timeout": 0}
        | {"execution_environment": None, "survey_enabled": False, "allow_simultaneous": False},
        required=("name", "project", "playbook"),
        choices={"job_type": ("run", "check")},
        references={
            "inventory": "inventories",
            "project": "projects",
            "execution_environment": "execution_environments",
        },
        lists=_NOTIFICATIONS | {"credentials": "credentials"},
        unique=("name", "organization"),
    ),
    "workflow_job_templates": Resource(
        "workflow_job_template",
        _NAMED
        | dict.fromkeys((f"ask_{name}_on_launch" for name in _ASKED_OF_WORKFLOWS), False)
        | {"organization": None, "extra_vars": "", "survey_enabled": False, "allow_simultaneous": False}
        | {"inventory": None, "limit": None, "scm_branch": None, "job_tags": None, "skip_tags": None},
        references={"organization": "organizations", "inventory": "inventories"},
        lists=_NOTIFICATIONS | {"notification_templates_approvals": "notification_templates"},
        unique=("name", "organization"),
    ),
    "workflow_job_template_nodes": Resource(
        "workflow_job_template_node",
        _PROMPTS
        | {"workflow_job_template": None, "unified_job_template": None, "all_parents_must_converge": False}
        | {"identifier": "", "extra_data": {}},
        required=("workflow_job_template", "identifier"),
        references={"workflow_job_template": "workflow_job_templates", "unified_job_template": "unified_job_templates"},
        lists=dict.fromkeys(("success_nodes", "failure_nodes", "always_nodes"), "workflow_job_template_nodes"),
        unique=("workflow_job_template", "identifier"),
    ),
    "workflow_approval_templates": Resource("workflow_approval_template", _NAMED | {"timeout": 0}, unique=()),
    "schedules": Resource(
        "schedule",
        _NAMED | _PROMPTS | {"unified_job_template": None, "enabled": True, "rrule": "", "extra_data": {}},
        required=("name", "unified_job_template", "rrule"),
        references={"unified_job_template": "unified_job_templates"},
        unique=("name", "unified_job_template"),
    ),
}
# What a job, a workflow or a schedule runs. AWX lists these by one address too.
_RUNNABLE = ("projects", "inventory_sources", "job_templates", "workflow_job_templates", "workflow_approval_templates")


class RefusedError(Exception):
    """AWX's answer to a request that is wrong.

    Args:
        status: the HTTP status.
        body: says what is wrong, by field.
    """

    def __init__(self, status: int, body: Json) -> None:
        super().__init__(body)
        self.status, self.body = status, body


class Awx:
    """What an AWX holds.

    Args:
        repository: the folder that stands for the checkout of every project.
        token: the one token that it takes.

    Attributes:
        url: its address, while it serves.
        objects: what it holds, by resource, as it answers it.
        lists: the ids in lists, by the address of the list.
        surveys: the surveys of job templates and workflows, by the address of their object.
        changes: the requests that changed something, in their order.
    """

    def __init__(self, repository: Path, token: str) -> None:
        self.url = ""
        self.objects: dict[str, list[Json]] = {name: [] for name in _RESOURCES}
        self.lists: dict[str, list[int]] = {}
        self.surveys: dict[str, Json] = {}
        self.changes: list[str] = []
        self._repository, self.token = repository, token
        self._last_id = 0
        self._lock = Lock()

    def named(self, resource: str) -> dict[str, Json]:
        """The objects of a resource by their names."""
        return {item["name"]: item for item in self.objects[resource]}

    def add(self, resource: str, **fields: Any) -> Json:
        """What a request adds, or somebody in AWX."""
        kind = _RESOURCES[resource]
        self._last_id += 1
        item: Json = json.loads(json.dumps(kind.fields)) | {"id": self._last_id, "type": kind.type}
        item["url"] = f"{_ROOT}{resource}/{item['id']}/"
        item["related"] = {name: f"{item['url']}{name}/" for name in kind.lists}
        item["summary_fields"] = {}
        if resource in ("job_templates", "workflow_job_templates"):
            item["related"]["survey_spec"] = f"{item['url']}survey_spec/"
            self.surveys[item["url"]] = {}
        if resource == "credential_types":
            item["managed"] = False
        if resource == "projects":
            item["summary_fields"]["current_update"] = {"id": item["id"]}
            item["related"]["update"] = f"{item['url']}update/"
        self._set(resource, item, fields)
        missing = [name for name in kind.required if not item[name]]
        if missing:
            raise RefusedError(400, {name: ["This field is required."] for name in missing})
        same = [one for one in self.objects[resource] if all(one[name] == item[name] for name in kind.unique)]
        if same and kind.unique:
            raise RefusedError(400, {"__all__": [f"{kind.type} with this {' and '.join(kind.unique)} already exists."]})
        self.objects[resource].append(item)
        return item

    def answer(self, method: str, address: str, body: Json) -> tuple[int, Json]:
        """What AWX answers to a request: a status, and JSON."""
        path, query = urlsplit(address).path, dict(parse_qsl(urlsplit(address).query, keep_blank_values=True))
        found = re.fullmatch(rf"{_ROOT}(\w+)/(?:(\d+)/(?:(\w+)/)?)?", path)
        if not found:
            raise RefusedError(404, {"detail": "Not found."})
        resource, number, part = found.groups()
        if method != "GET":
            self.changes.append(f"{method} {path}")
        if (resource, method) == ("project_updates", "GET") and number:
            return 200, {"id": int(number), "status": "successful"}
        if number is None:
            return self._all(method, resource, query, body)
        item = self._one(resource, int(number))
        if part is None:
            return self._object(method, resource, item, body)
        if part == "survey_spec" and item["url"] in self.surveys:
            return self._survey(method, item, body)
        if (resource, part, method) == ("workflow_job_template_nodes", "create_approval_template", "POST"):
            approval = self.add("workflow_approval_templates", **body)
            self._set(resource, item, {"unified_job_template": approval["id"]})
            return 201, approval
        if resource in _RESOURCES and part in _RESOURCES[resource].lists:
            return self._list(method, path, _RESOURCES[resource].lists[part], body)
        raise RefusedError(404, {"detail": "Not found."})

    @contextmanager
    def serve(self) -> Iterator[Awx]:
        """Serve on a port of this machine."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def _all(self, method: str, resource: str, query: dict[str, str], body: Json) -> tuple[int, Json]:
        """A list of a resource, or a new object of it."""
        if method == "POST" and resource in _RESOURCES:
            return 201, self.add(resource, **body)
        listed = self._listed(resource)
        if method != "GET" or listed is None:
            raise RefusedError(404, {"detail": "Not found."})
        for name, value in query.items():
            one_of_several = name.startswith("or__")
            known = name.removeprefix("or__")
            if known != "type" and listed and not any(known in item for item in listed):
                raise RefusedError(400, {"detail": f"{resource} has no field named '{known}'"})
            if not one_of_several:
                listed = [item for item in listed if str(item.get(known)) == value]
        either = [(name.removeprefix("or__"), value) for name, value in query.items() if name.startswith("or__")]
        if either:
            listed = [item for item in listed if any(str(item.get(name)) == value for name, value in either)]
        return 200, {"count": len(listed), "next": None, "results": listed}

    def _object(self, method: str, resource: str, item: Json, body: Json) -> tuple[int, Json]:
        if method == "PATCH":
            self._set(resource, item, body)
        elif method == "DELETE":
            self.objects[resource].remove(item)
            return 204, {}
        elif method != "GET":
            raise RefusedError(405, {"detail": f'Method "{method}" not allowed.'})
        return 200, item

    def _list(self, method: str, path: str, resource: str, body: Json) -> tuple[int, Json]:
        """Objects that another one names, such as the credentials of a job template."""
        ids = self.lists.setdefault(path, [])
        if method == "GET":
            return 200, {"count": len(ids), "next": None, "results": [self._one(resource, one) for one in ids]}
        self._one(resource, body["id"])
        ids.remove(body["id"]) if body.get("disassociate") else ids.append(body["id"])
        return 204, {}

    def _survey(self, method: str, item: Json, body: Json) -> tuple[int, Json]:
        if method == "GET":
            return 200, self.surveys[item["url"]]
        if method == "POST":
            _check_survey(body)
        self.surveys[item["url"]] = body if method == "POST" else {}
        return 200, {}

    def _listed(self, resource: str) -> list[Json] | None:
        if resource == "unified_job_templates":
            return [item for name in _RUNNABLE for item in self.objects[name]]
        return self.objects.get(resource)

    def _one(self, resource: str, number: int) -> Json:
        for item in self._listed(resource) or []:
            if item["id"] == number:
                return item
        raise RefusedError(404, {"detail": "Not found."})

    def _set(self, resource: str, item: Json, fields: Json) -> None:
        """Set what a request may set; AWX ignores the rest."""
        kind = _RESOURCES[resource]
        new = {name: value for name, value in fields.items() if name in kind.fields}
        errors: dict[str, list[str]] = {}
        for name, value in new.items():
            if name in kind.choices and value not in kind.choices[name]:
                errors[name] = [f'"{value}" is not a valid choice.']
            if name in kind.references and value is not None:
                known = [one["id"] for one in self._listed(kind.references[name]) or []]
                if value not in known:
                    errors[name] = [f'Invalid pk "{value}" - object does not exist.']
        if errors:
            raise RefusedError(400, errors)
        item.update(new)
        if resource == "job_templates":
            project = self._one("projects", item["project"])
            # As its project's.
            item["organization"] = project["organization"]
            if not (self._repository / item["playbook"]).is_file():
                raise RefusedError(400, {"playbook": ["Playbook not found for project."]})
            if item["inventory"] is None and not item["ask_inventory_on_launch"]:
                raise RefusedError(
                    400, {"inventory": ["You must either set a default value or ask to prompt on launch."]}
                )
        if resource == "inventory_sources" and item["source"] == "scm" and item["source_project"] is None:
            raise RefusedError(400, {"source_project": ["Project required for scm type sources."]})
        if resource == "credential_types":
            _check_credential_type(item)
        if resource == "schedules":
            _check_rule(item["rrule"])
        if resource == "workflow_job_template_nodes" and item["unified_job_template"]:
            runs = self._one("unified_job_templates", item["unified_job_template"])
            item["related"]["unified_job_template"] = runs["url"]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        awx = self

        class Handler(BaseHTTPRequestHandler):
            def handle_one_request(self) -> None:
                self.raw_requestline = self.rfile.readline(65537)
                if not self.raw_requestline or not self.parse_request():
                    self.close_connection = True
                    return
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length) or b"{}")
                try:
                    if self.headers.get("Authorization") != f"Bearer {awx.token}":
                        raise RefusedError(401, {"detail": "Authentication credentials were not provided."})
                    with awx._lock:
                        status, answer = awx.answer(self.command, self.path, body)
                except RefusedError as refused:
                    status, answer = refused.status, refused.body
                text = b"" if status == 204 else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.send_header("X-API-Product-Name", "AWX")
                self.send_header("X-API-Product-Version", "24.6.1")
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


def _check_survey(survey: Json) -> None:
    """What JobTemplateSurveySpec of awx/api/views refuses."""
    types = {"text": str, "textarea": str, "password": str, "integer": int, "float": float}
    types |= {"multiplechoice": str, "multiselect": str}
    for name, kind in (("name", str), ("description", str), ("spec", list)):
        if not isinstance(survey.get(name), kind):
            raise RefusedError(400, {"error": f"Field '{name}' is missing from survey spec."})
    if not survey["spec"]:
        raise RefusedError(400, {"error": "'spec' doesn't contain any items."})
    for number, question in enumerate(survey["spec"]):
        for name in ("type", "question_name", "variable", "required"):
            if not isinstance(question.get(name), bool if name == "required" else str):
                raise RefusedError(400, {"error": f"'{name}' missing from survey question {number}"})
        if question["type"] not in types:
            raise RefusedError(400, {"error": f"'{question['type']}' in survey question {number} is not allowed."})
        if "default" in question and not isinstance(question["default"], types[question["type"]]):
            raise RefusedError(400, {"error": f"Default value in survey question {number} has the wrong type."})
        for name in ("min", "max"):
            if not isinstance(question.get(name, 0), int):
                raise RefusedError(
                    400, {"error": f"The {name} limit in survey question {number} expected to be integer."}
                )
        if question["type"].startswith("multi") and not isinstance(question.get("choices"), list):
            raise RefusedError(400, {"error": f"Survey question {number} must specify choices."})
    if len({question["variable"] for question in survey["spec"]}) < len(survey["spec"]):
        raise RefusedError(400, {"error": "a variable is duplicated in survey."})


def _check_credential_type(item: Json) -> None:
    """What CredentialTypeInputField and CredentialTypeInjectorField of awx/main/fields.py refuse, and what they add."""
    allowed = {"type", "format", "choices", "id", "label", "help_text", "multiline", "secret", "default"}
    names: set[str] = set()
    for one in item["inputs"].get("fields", []):
        one.setdefault("type", "string")
        if not {"id", "label"} <= one.keys() <= allowed or one["id"] in names | {"tower"}:
            raise RefusedError(400, {"inputs": [f"{one} is not a field."]})
        names.add(one["id"])
    known = item["inputs"].keys() <= {"fields", "required"}
    if not known or not item["injectors"].keys() <= {"env", "file", "extra_vars"}:
        raise RefusedError(400, {"inputs": ["Additional properties are not allowed."]})
    values: Json = dict.fromkeys(names, "EXAMPLE")
    files = item["injectors"].get("file", {})
    if not files.keys() <= {"template"}:
        raise RefusedError(400, {"injectors": ["the stand-in knows one file alone."]})
    values["tower"] = {"filename": "EXAMPLE_FILENAME"} if files else {}
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
    for part in item["injectors"].values():
        for name, template in part.items():
            if name.startswith("ANSIBLE_") or name == "PATH":
                raise RefusedError(400, {"injectors": [f"Environment variable {name} is not allowed."]})
            try:
                environment.from_string(template).render(values)
            except TemplateError as error:
                raise RefusedError(400, {"injectors": [f"{name} uses an undefined field ({error})"]}) from error


def _check_rule(rule: str) -> None:
    """What SchedulePreviewSerializer refuses."""
    if not re.fullmatch(r"DTSTART(;[^:]+)?:\d{8}T\d{6}Z? RRULE:FREQ=(?!SECONDLY)\w+;(\S+;)?INTERVAL=\d+(;\S+)?", rule):
        raise RefusedError(400, {"rrule": ["Valid DTSTART, and INTERVAL in rrule, required."]})
