"""Applications as people write them, which know nothing of this project: from folder to HTTPS by an inventory alone.

The tests build on each other and run in the order they stand in.
"""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import ExitStack
from http.cookiejar import CookieJar
from typing import Any

import pytest

from emulator.tests.stack import wait_until
from tests.e2e.google_cloud import google, secret_value, state_bucket
from tests.e2e.http import Answer, ask
from tests.e2e.runs import PROJECT, Site, environments, succeeded

ENVIRONMENT = "e2eordinary"
# All that is said of an application with Flask, on each of three platforms.
SHOP = """
image_source: "{{ inventory_dir }}/../../shop"
image_build_args: {WSGI_APP: "shop:create_app()"}
data_database_name: shop
migration_command: [flask, db, upgrade]
app_database_url: true
data_database_url_scheme: postgresql+psycopg2
app_secrets: {SECRET_KEY: generated}
"""
# With Django, which refuses host names that it does not know, a worker and a schedule.
NOTES = """
image_source: "{{ inventory_dir }}/../../notes"
image_build_args: {WSGI_APP: "config.wsgi:application"}
app_environment_variables: {ALLOWED_HOSTS: "{{ service_domain_name }}"}
data_database_name: notes
migration_command: [python, manage.py, migrate]
app_database_url: true
app_secrets: {SECRET_KEY: generated}
service_processes: {worker: {command: [python, manage.py, work, --forever, worker]}}
service_schedules: {cleanup: {command: [python, manage.py, work, cleanup], schedule: rate(1 minute)}}
"""
# With FastAPI, without a load balancer.
QUOTES = """
image_source: "{{ inventory_dir }}/../../quotes"
image_build_args: {ASGI_APP: "quotes.main:app"}
data_database_name: quotes
migration_command: [alembic, upgrade, head]
app_database_url: true
"""
ALL = {
    "shop-ecs": ("ecs", SHOP),
    "shop-ec2": ("ec2", SHOP),
    "shop-run": ("cloud_run", SHOP),
    "notes": ("ecs", NOTES),
    # Cloud Run's own names, behind Google's load balancer.
    "notes-run": ("cloud_run", NOTES.replace("{{ service_domain_name }}", ".run.localhost")),
    "quotes": ("ecs_public", QUOTES),
    "quotes-run": ("cloud_run", QUOTES),
}
APPS = {app: platform for app, (platform, _) in ALL.items()}
SHOPS = {app: platform for app, (platform, inventory) in ALL.items() if inventory == SHOP}
STREAMS = 100
# What terraform/modules/load_balancer_target gives an answer to a check.
CHECK_SECONDS = 5
FORM = "application/x-www-form-urlencoded"

pytestmark = pytest.mark.long


class Browser:
    """Somebody's browser: it has cookies, verifies certificates and follows no redirect by itself.

    Args:
        url: the application's.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._cookies = CookieJar()

    def ask(self, path: str, method: str = "GET", body: bytes | None = None, kind: str = "") -> Answer:
        """The answer, whatever its status is."""
        headers = {"Content-Type": kind} if kind else {}
        return ask(self.url + path, method, follow=False, headers=headers, body=body, cookies=self._cookies)

    def send(self, path: str, **fields: str) -> Answer:
        """The answer to a form."""
        return self.ask(path, "POST", urllib.parse.urlencode(fields).encode(), FORM)


@pytest.fixture(scope="module", autouse=True)
def deployed(site: Site) -> Iterator[None]:
    """The application on each platform, deployed for all tests of this file."""
    shutil.copytree(PROJECT / "tests/e2e/applications", site.folder, dirs_exist_ok=True)
    for app, (_, inventory) in ALL.items():
        folder = site.inventory / "host_vars" / app
        folder.mkdir()
        (folder / "app.yml").write_text(inventory)
    for app in SHOPS:
        site.set(app, **_one_task(app))
    assert len(SHOP.strip().splitlines()) <= 8
    succeeded(site.run())
    yield
    site.destroy()


def _one_task(app: str) -> dict[str, int]:
    """For the test of streams: they are all on one task."""
    if SHOPS[app] == "cloud_run":
        return {"service_min_count": 1, "service_max_count": 1, "service_max_concurrent_requests": 2 * STREAMS}
    return {"service_min_count": 1}


@pytest.fixture(params=SHOPS)
def app(request: pytest.FixtureRequest) -> str:
    """Each app."""
    return str(request.param)


@pytest.fixture
def browser(site: Site, app: str) -> Browser:
    """A browser of the app."""
    url = site.summary()[app]["url"]
    assert url.startswith("https://")
    return Browser(url)


def test_login_lasts_and_redirects_go_to_https(browser: Browser) -> None:
    answer = browser.send("/login", name="Ada")
    assert (answer.status, answer.headers["Location"]) == (302, f"{browser.url}/")
    assert {browser.ask("/").document["user"] for _ in range(20)} == {"Ada"}


def test_migrated_database_keeps_what_is_sent(browser: Browser) -> None:
    assert browser.send("/items", name="Hat").status == 401
    browser.send("/login", name="Grace")
    number = browser.send("/items", name="Hat").document["id"]
    assert {"id": number, "name": "Hat"} in browser.ask("/items").document
    photo = bytes(range(256)) * 8192
    head = b'--limit\r\nContent-Disposition: form-data; name="photo"; filename="hat.png"\r\n\r\n'
    body = head + photo + b"\r\n--limit--\r\n"
    assert browser.ask(f"/items/{number}/photo", "PUT", body, "multipart/form-data; boundary=limit").status == 200
    assert browser.ask(f"/items/{number}/photo").body == photo


def test_streams_hold_nobody_up(browser: Browser) -> None:
    host = urllib.parse.urlsplit(browser.url).hostname or ""
    context = ssl.create_default_context()
    with ExitStack() as clients:
        streams = []
        for _ in range(STREAMS):
            connection = clients.enter_context(socket.create_connection((host, 443), timeout=60))
            streams.append(clients.enter_context(context.wrap_socket(connection, server_hostname=host)))
            streams[-1].sendall(f"GET /events HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        for stream in streams:
            answer = b""
            while b"still here" not in answer:
                answer += stream.recv(4096)
        # As long as three checks of the load balancer take, which would replace the task.
        until = time.monotonic() + 35
        while time.monotonic() < until:
            started = time.monotonic()
            assert browser.ask("/items").status == 200
            assert time.monotonic() - started < CHECK_SECONDS
            time.sleep(1)


@pytest.mark.parametrize("notes", ["notes", "notes-run"])
def test_django_with_a_worker_and_a_schedule(site: Site, notes: str) -> None:
    browser = Browser(site.summary()[notes]["url"])
    assert [browser.ask("/").document["visits"] for _ in range(3)] == [1, 2, 3]
    assert browser.ask("/where/").document == {"url": f"{browser.url}/", "secure": True}
    assert browser.send("/notes/", text="Buy a hat").document == {"notes": ["Buy a hat"]}
    # The worker works all the time, the schedule when its minute begins.
    wait_until(lambda: {"worker", "cleanup"} <= browser.ask("/jobs/").document.keys(), 180)


def test_asgi_behind_google_s_load_balancer(site: Site) -> None:
    url = site.summary()["quotes-run"]["url"]
    assert Browser(url).send("/", quote="Poo-tee-weet?").status == 201
    assert ask(f"{url}/").document == {"quotes": ["Poo-tee-weet?"]}
    assert ask(f"{url}/where").document == {"url": f"{url}/"}


def test_asgi_without_a_load_balancer(site: Site) -> None:
    url = site.summary()["quotes"]["url"]
    assert Browser(url).send("/", quote="So it goes").status == 201
    assert ask(f"{url}/").document == {"quotes": ["So it goes"]}
    # Nobody stands before it, so it believes no header of who asks.
    assert ask(f"{url}/where", headers={"X-Forwarded-Proto": "https"}).document == {"url": f"{url}/"}


def test_second_run_changes_nothing(site: Site) -> None:
    assert succeeded(site.run()).changed == {}


def _states(aws: Any) -> dict[str, bytes]:
    """The states of both clouds, by their names."""
    s3, bucket = aws("s3"), f"slipway-{ENVIRONMENT}-state"
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    found = {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}
    objects = f"{state_bucket(ENVIRONMENT)}/o"
    names = [item["name"] for item in (google(objects) or {})["items"]]
    states = {f"gs://{name}": google(f"{objects}/{urllib.parse.quote(name, safe='')}?alt=media") for name in names}
    return found | {name: json.dumps(state).encode() for name, state in states.items()}


def test_new_passwords_replace_what_has_the_old_one(site: Site, app: str, browser: Browser, aws: Any) -> None:
    name = f"{ENVIRONMENT}-{app}"
    before = {one["DATABASE_URL"] for one in environments(name, SHOPS[app]) if "IMAGE_DIGEST" in one}
    site.set(app, **_one_task(app), data_credentials_version=2)
    succeeded(site.run("site.yml", "--limit", app))
    after = {one["DATABASE_URL"] for one in environments(name, SHOPS[app]) if "IMAGE_DIGEST" in one}
    if SHOPS[app] == "cloud_run":
        secret = secret_value(f"{name}_database_app_url")
    else:
        secret = aws("secretsmanager").get_secret_value(SecretId=f"{name}/database/app-url")["SecretString"]
    assert after == {secret}
    assert not before & after
    assert ask(f"{browser.url}/items").status == 200
    places = {str(path): path.read_bytes() for path in site.folder.rglob("*") if path.is_file()}
    places |= _states(aws)
    passwords = [urllib.parse.urlsplit(url).password for url in before | after]
    assert not [place for place, text in places.items() for one in passwords if one and one.encode() in text]
