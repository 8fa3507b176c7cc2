"""The app `hello-gcp`, on Cloud Run: as required, new code, a bad image, interrupted, destroyed and built again.

The tests build on each other and run in the order they stand in.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator.tests.stack import wait_until
from tests.e2e.google_cloud import (
    GOOGLE_PROJECT,
    LOCATION,
    OWNER_KEY,
    google,
    left,
    make_secret,
    secret_value,
    service,
    state_bucket,
)
from tests.e2e.http import Visitor, ask
from tests.e2e.runs import Run, Site, containers, environments, failed, killed, succeeded

ENVIRONMENT = "e2ecloudrun"
APPS = ("hello-gcp",)
NAME = f"{ENVIRONMENT}-hello-gcp"
ONLY = ("site.yml", "--limit", "hello-gcp")
GENERATED, NAMED = f"{NAME}_environment_SECRET_KEY", f"{ENVIRONMENT}mail"
SECRETS = {"SECRET_KEY": "generated", "MAIL_PASSWORD": f"projects/{GOOGLE_PROJECT}/secrets/{NAMED}"}
MAIL_PASSWORD = "first-value-of-mail"
# Of the application: its server does not start.
FAULT = "if 'waitress' in __import__('sys').modules:\n    raise RuntimeError('cannot start')\n"

pytestmark = pytest.mark.long


@pytest.fixture(scope="module", autouse=True)
def deployed(site: Site) -> Iterator[None]:
    """The app, deployed for all tests of this file, with secrets."""
    google(f"/serviceusage/v1/projects/{GOOGLE_PROJECT}/services/secretmanager.googleapis.com:enable", {})
    make_secret(NAMED, MAIL_PASSWORD)
    site.set("hello-gcp", app_secrets=SECRETS)
    succeeded(site.run(*ONLY))
    yield
    site.destroy()
    succeeded(site.run("playbooks/remove_bootstrap.yml", "--limit", "hello-gcp", slipway_confirm=ENVIRONMENT))
    assert left(ENVIRONMENT) == []


# -- what requirements say -------------------------------------------------------------------------------


def test_what_runs_is_what_was_asked_for(site: Site) -> None:
    entry = site.summary()["hello-gcp"]
    assert entry["platform"] == "cloud_run"
    assert ask(f"{entry['url']}/").body.strip() == b"Hello, World!"
    assert ask(f"{entry['url']}/api/5").document == {"success": True, "answer": 6}
    assert site.served("hello-gcp") == entry["image_digest"]
    deployed = service(NAME)
    assert deployed
    assert deployed["uri"] == entry["url"]
    (container,) = deployed["template"]["containers"]
    assert container["image"].endswith(f"/{NAME}/{NAME}@{entry['image_digest']}")
    assert container["resources"]["limits"] == {"cpu": "1", "memory": "512Mi"}
    assert {container[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe")} == {"/healthz"}
    assert deployed["template"]["scaling"] == {"maxInstanceCount": 10}
    assert deployed["scaling"] == {"minInstanceCount": 1}
    assert deployed["ingress"] == "INGRESS_TRAFFIC_ALL"
    account = f"{NAME}@{GOOGLE_PROJECT}.iam.gserviceaccount.com"
    assert deployed["template"]["serviceAccount"] == account
    labels = {"environment": "development", "project": "hello-gcp", "managedby": "terraform"}
    assert deployed["labels"].items() >= labels.items()


def test_application_has_its_secrets() -> None:
    (found,) = environments(NAME, "cloud_run")
    assert {name: found[name] for name in SECRETS} == {
        "SECRET_KEY": secret_value(GENERATED),
        "MAIL_PASSWORD": MAIL_PASSWORD,
    }
    assert len(found["SECRET_KEY"]) == 64


def test_everyone_may_call_it_only_where_the_app_says_so(site: Site) -> None:
    url = site.summary()["hello-gcp"]["url"]
    settings = site.inventory / "group_vars" / "cloud_run" / "service.yml"
    original = settings.read_text()
    assert "service_allow_unauthenticated: true" in original
    settings.write_text(original.replace("service_allow_unauthenticated: true", "service_allow_unauthenticated: false"))
    try:
        # Its smoke check is let in, with an ID token of the account that deploys.
        run = succeeded(site.run(*ONLY))
        assert "not asked" not in run.output
        assert ask(f"{url}/").status == 403
        settings.write_text(f"{original}service_ingress: INGRESS_TRAFFIC_INTERNAL_ONLY\n")
        run = succeeded(site.run(*ONLY))
        assert f"{url} is not reached from outside" in " ".join(run.output.split())
        assert ask(f"{url}/").status == 404
    finally:
        settings.write_text(original)
    succeeded(site.run(*ONLY))
    assert ask(f"{url}/").status == 200


def test_state_is_in_cloud_storage() -> None:
    listing = google(f"{state_bucket(ENVIRONMENT)}/o")
    assert listing
    names = {item["name"] for item in listing["items"]}
    assert {f"{ENVIRONMENT}/hello-gcp/{layer}/default.tfstate" for layer in ("registry", "data", "service")} <= names
    assert not [name for name in names if name.endswith(".tflock")]
    settings = google(state_bucket(ENVIRONMENT))
    assert settings
    assert settings["versioning"] == {"enabled": True}
    assert settings["iamConfiguration"]["publicAccessPrevention"] == "enforced"


def test_key_and_tokens_are_nowhere(site: Site) -> None:
    key = json.loads(OWNER_KEY.read_text())["private_key"]
    generated = secret_value(GENERATED)
    secrets = [key.splitlines()[1], "ya29.", MAIL_PASSWORD, generated[:32], generated[32:]]
    files = [file for folder in (site.build, site.logs) for file in folder.rglob("*") if file.is_file()]
    # Providers are programs.
    texts = {file: file.read_text("utf-8", "replace") for file in files if "providers" not in file.parts}
    assert texts
    for state in (f"{ENVIRONMENT}%2Fhello-gcp%2F{layer}%2Fdefault.tfstate" for layer in ("data", "service")):
        texts[Path(state)] = json.dumps(google(f"{state_bucket(ENVIRONMENT)}/o/{state}?alt=media"))
    assert not [file for file, text in texts.items() if any(secret in text for secret in secrets)]


# -- again, and again with new code ----------------------------------------------------------------------


def test_second_run_changes_nothing(site: Site) -> None:
    before = secret_value(GENERATED)
    assert succeeded(site.run(*ONLY)).changed == {}
    assert succeeded(site.run(*ONLY, "--check", "--diff")).changed == {}
    assert succeeded(site.run("playbooks/smoke_check.yml", "--limit", "hello-gcp")).changed == {}
    assert secret_value(GENERATED) == before


def test_check_says_what_would_change(site: Site) -> None:
    before = service(NAME)
    run = succeeded(site.run(*ONLY, "--check", service_container_port=9000))
    assert "- update google_cloud_run_v2_service.this" in run.output
    assert service(NAME) == before


def test_new_code_is_rolled_out_without_a_failed_request(site: Site) -> None:
    before, url = site.served("hello-gcp"), site.summary()["hello-gcp"]["url"]
    generated = secret_value(GENERATED)
    make_secret(NAMED, "second-value-of-mail")
    change = site.changed_source("release.py", '"""A change for Cloud Run."""\n')
    with change, Visitor(f"{url}/health") as visitor:
        succeeded(site.run(*ONLY))
        assert site.served("hello-gcp") != before
        assert site.summary()["hello-gcp"]["url"] == url
    assert visitor.problems == []
    (found,) = environments(NAME, "cloud_run")
    assert (found["MAIL_PASSWORD"], found["SECRET_KEY"]) == ("second-value-of-mail", generated)


def test_image_that_does_not_start_is_not_served(site: Site) -> None:
    # What serves is what the source holds when its fault is gone again.
    succeeded(site.run(*ONLY))
    before, url = site.served("hello-gcp"), site.summary()["hello-gcp"]["url"]
    with site.changed_source("__init__.py", FAULT), Visitor(f"{url}/version", per_second=4) as visitor:
        run = failed(site.run(*ONLY))
    assert "is not ready" in " ".join(run.output.split())
    # What Terraform does not show: the log of the revision.
    assert "RuntimeError: cannot start" in run.output
    assert visitor.problems == []
    assert site.served("hello-gcp") == before
    succeeded(site.run(*ONLY))
    assert site.served("hello-gcp") == before
    assert succeeded(site.run(*ONLY)).changed == {}


def test_secret_that_is_not_there_stops_the_run_before_anything(site: Site) -> None:
    site.set("hello-gcp", app_secrets=SECRETS | {"OTHER": f"projects/{GOOGLE_PROJECT}/secrets/{ENVIRONMENT}none"})
    try:
        run = failed(site.run(*ONLY))
    finally:
        site.set("hello-gcp", app_secrets=SECRETS)
    assert run.changed == {}
    said = " ".join(run.output.split())
    # The deployer may not even ask for what no bootstrap has granted.
    assert "Permission 'secretmanager.versions.get' denied" in said
    assert "an owner of the project runs playbooks/bootstrap.yml" in said
    assert "Acquire the deploy lock" not in run.output


# -- a worker and a schedule -----------------------------------------------------------------------------


def _with_worker(site: Site, command: str) -> Run:
    """A run with a worker that carries a line of Python out first, and with a schedule."""
    worker = {"command": ["python", "-uc", f"{command}\nimport time\ntime.sleep(86400)"]}
    cleanup = {"command": ["python", "-c", "import os; print('cleans', os.environ['APP_NAME'])"]}
    schedules = {"cleanup": cleanup | {"schedule": "rate(1 minute)"}}
    site.set("hello-gcp", app_secrets=SECRETS, service_processes={"worker": worker}, service_schedules=schedules)
    return site.run(*ONLY)


def _executions() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (google(f"/run/v2/{LOCATION}/jobs/{NAME}--cleanup/executions") or {})["executions"]
    return found


def test_worker_and_schedule_beside_the_web_server(site: Site) -> None:
    before = service(NAME)
    succeeded(_with_worker(site, "print('works')"))
    entry = site.summary()["hello-gcp"]
    assert entry["processes"] == ["worker"]
    pool = google(f"/run/v2/{LOCATION}/workerPools/{NAME}--worker")
    assert pool
    (container,) = pool["template"]["containers"]
    assert container["image"].endswith(f"@{entry['image_digest']}")
    assert pool["scaling"] == {"manualInstanceCount": 1}
    assert pool["template"]["serviceAccount"] == f"{NAME}@{GOOGLE_PROJECT}.iam.gserviceaccount.com"
    # It has the environment and the secrets of the web server, but for its port.
    (worker,) = environments(f"{NAME}--worker", "cloud_run", "worker-pool")
    (web,) = environments(NAME, "cloud_run")
    assert {name: worker[name] for name in (*SECRETS, "APP_NAME", "IMAGE_DIGEST")} == {
        name: web[name] for name in (*SECRETS, "APP_NAME", "IMAGE_DIGEST")
    }
    assert "PORT" not in worker
    # The web server is as it was.
    assert service(NAME) == before
    # At its time, as an account that may do nothing else.
    wait_until(lambda: google(f"/run/v2/{LOCATION}/jobs/{NAME}--cleanup/executions"), 180)
    wait_until(lambda: _executions()[-1].get("succeededCount"))
    assert _executions()[-1]["creator"] == f"{NAME}--cron@{GOOGLE_PROJECT}.iam.gserviceaccount.com"
    assert succeeded(site.run(*ONLY)).changed == {}
    # A long line of the table has two.
    assert "worker 1" in " ".join(succeeded(site.run("playbooks/status.yml", "--limit", "hello-gcp")).output.split())


def test_worker_that_ends_leaves_the_one_before(site: Site) -> None:
    before = containers(f"{NAME}--worker", "cloud_run", "worker-pool")
    assert before
    run = failed(_with_worker(site, "raise SystemExit('cannot work')"))
    output = " ".join(run.output.split())
    assert "it called exit(1)" in output
    # What Terraform does not show: the log of the revision.
    assert "cannot work" in output
    assert containers(f"{NAME}--worker", "cloud_run", "worker-pool") == before
    # The next run has nothing to apply, and fails all the same.
    assert f"/workerPools/{NAME}--worker failed" in " ".join(failed(site.run(*ONLY)).output.split())
    succeeded(_with_worker(site, "print('works again')"))
    assert succeeded(site.run(*ONLY)).changed == {}


def test_schedule_that_fails_is_seen(site: Site) -> None:
    cleanup = {"command": ["python", "-c", "raise SystemExit('cannot clean')"], "schedule": "rate(1 minute)"}
    site.set("hello-gcp", app_secrets=SECRETS, service_schedules={"cleanup": cleanup})
    # The worker goes with this run.
    succeeded(site.run(*ONLY))
    assert google(f"/run/v2/{LOCATION}/workerPools/{NAME}--worker") is None
    wait_until(lambda: _executions()[0].get("failedCount"), 180)
    output = " ".join(succeeded(site.run("playbooks/status.yml", "--limit", "hello-gcp")).output.split())
    assert "its last run failed" in output


# -- interrupted -----------------------------------------------------------------------------------------


def test_run_that_is_killed_while_it_deploys_is_finished_by_the_next(site: Site) -> None:
    with site.changed_source("release.py", '"""Killed on Cloud Run."""\n'):
        killed(site, lambda _: (service(NAME) or {}).get("reconciling"), *ONLY)
        succeeded(site.run(*ONLY))
        assert succeeded(site.run(*ONLY)).changed == {}


def test_destroy_leaves_nothing_of_the_app(site: Site) -> None:
    run = site.destroy("hello-gcp")
    assert f"Nothing is left of {NAME}" in run.output
    assert "hello-gcp" not in site.summary()
    # The bucket holds the state of what the deployer cannot take back: its own account.
    assert left(ENVIRONMENT) == [state_bucket(ENVIRONMENT)]
    site.set("hello-gcp", app_secrets=SECRETS)


def test_run_that_is_killed_in_its_first_apply_is_finished_by_the_next(site: Site) -> None:
    # Terraform outlives the run, and may have ended its work when the next one looks.
    killed(site, lambda _: service(NAME), *ONLY)
    succeeded(site.run(*ONLY))
    assert succeeded(site.run(*ONLY)).changed == {}


def test_protected_service_that_does_not_start_at_first_is_changed_in_place(site: Site) -> None:
    site.destroy("hello-gcp")
    with site.changed_source("__init__.py", FAULT):
        failed(site.run(*ONLY, service_deletion_protection=True))
    before = service(NAME)
    succeeded(site.run(*ONLY, service_deletion_protection=True))
    after = service(NAME)
    assert before
    assert after
    assert after["uid"] == before["uid"]
    # Or nothing could be destroyed at the end.
    succeeded(site.run(*ONLY, service_deletion_protection=False))
