"""Cloud Storage: objects and their generations, and Terraform's states in the real gcs backend."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests

from emulator.tests.google_apis import STORAGE, Google, refusal
from emulator.tests.stack import Json, wait_until
from slipway_emulator.settings import Settings


@pytest.fixture(scope="module")
def google(cloud: Settings) -> Google:
    return Google(cloud, "temu-storage")


@pytest.fixture(params=[False, True], ids=["plain", "versioned"])
def bucket(request: pytest.FixtureRequest, google: Google) -> Iterator[str]:
    """Name of a bucket."""
    yield from make_bucket(google, "temu-any", request.param)


@pytest.fixture
def versioned(google: Google) -> Iterator[str]:
    """Name of a bucket that keeps what is replaced and deleted."""
    yield from make_bucket(google, "temu-versioned", True)


def make_bucket(google: Google, name: str, versioning: bool) -> Iterator[str]:
    body = {"name": name, "location": "us-central1", "versioning": {"enabled": versioning}}
    google.call("POST", f"{STORAGE}/b", body, project=google.project)
    yield name
    for version in listed(google, name, versions="true"):
        google.call("DELETE", path(name, version["name"]), generation=version["generation"])
    google.call("DELETE", f"{STORAGE}/b/{name}")


def path(bucket: str, name: str) -> str:
    return f"{STORAGE}/b/{bucket}/o/{quote(name, safe='')}"


def listed(google: Google, bucket: str, **parameters: str) -> list[Json]:
    items: list[Json] = google.call("GET", f"{STORAGE}/b/{bucket}/o", **parameters).get("items", [])
    return items


def write(google: Google, bucket: str, name: str, content: bytes, **parameters: str) -> requests.Response:
    where = f"/upload/storage/v1/b/{bucket}/o"
    return google.ask("POST", where, content, uploadType="media", name=name, **parameters)


def read(google: Google, bucket: str, name: str, **parameters: str) -> bytes:
    return bytes(google.ask("GET", path(bucket, name), alt="media", **parameters).content)


def assert_precondition_failed(response: requests.Response) -> None:
    error = refusal(response)
    assert (error["code"], error["errors"][0]["reason"]) == (412, "conditionNotMet")


def test_object_is_written_read_and_deleted(google: Google, bucket: str) -> None:
    name, content = "folder/a name+ä.json", b'{"a": 1}'
    written = write(google, bucket, name, content).json()
    assert (written["name"], written["bucket"], written["size"]) == (name, bucket, "8")
    assert written["md5Hash"] == base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
    assert google.call("GET", path(bucket, name)) == written
    assert read(google, bucket, name) == content
    # By the address of the XML API, from which Google's clients download.
    downloaded = google.ask("GET", f"/{bucket}/{name}")
    assert (downloaded.content, downloaded.headers["X-Goog-Generation"]) == (content, written["generation"])
    part = google.session.get(google.cloud.google_url + f"/{bucket}/{name}", headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.content, part.headers["Content-Range"]) == (206, b'a":', "bytes 2-4/8")
    google.call("DELETE", path(bucket, name))
    assert refusal(google.ask("GET", path(bucket, name)))["code"] == 404
    assert refusal(google.ask("DELETE", path(bucket, name)))["code"] == 404


def test_created_once(google: Google, bucket: str) -> None:
    assert write(google, bucket, "lock", b"first", ifGenerationMatch="0").ok
    assert_precondition_failed(write(google, bucket, "lock", b"second", ifGenerationMatch="0"))
    assert read(google, bucket, "lock") == b"first"
    google.call("DELETE", path(bucket, "lock"))
    # It is not there: it may be created again.
    assert write(google, bucket, "lock", b"second", ifGenerationMatch="0").ok


def test_one_of_many_writers_creates(google: Google, bucket: str) -> None:
    def create(number: int) -> int:
        return int(write(google, bucket, "lock", str(number).encode(), ifGenerationMatch="0").status_code)

    with ThreadPoolExecutor(8) as executor:
        answers = list(executor.map(create, range(8)))
    assert sorted(answers) == [200] + [412] * 7
    assert read(google, bucket, "lock") == str(answers.index(200)).encode()


def test_replaced_and_deleted_only_as_it_was_read(google: Google, bucket: str) -> None:
    first = write(google, bucket, "state", b"1").json()["generation"]
    second = write(google, bucket, "state", b"2", ifGenerationMatch=first).json()["generation"]
    assert int(second) > int(first)
    assert_precondition_failed(write(google, bucket, "state", b"3", ifGenerationMatch=first))
    assert_precondition_failed(google.ask("DELETE", path(bucket, "state"), ifGenerationMatch=first))
    assert_precondition_failed(google.ask("GET", path(bucket, "state"), ifGenerationMatch=first))
    assert_precondition_failed(google.ask("GET", path(bucket, "state"), ifGenerationNotMatch=second))
    assert_precondition_failed(google.ask("GET", path(bucket, "state"), ifMetagenerationMatch="2"))
    assert read(google, bucket, "state", ifGenerationMatch=second) == b"2"
    google.call("DELETE", path(bucket, "state"), ifGenerationMatch=second)


def test_list_by_prefix_folder_and_page(google: Google, bucket: str) -> None:
    for name in ("a", "dev/hello/registry", "dev/hello/service", "dev/tasks/data", "prod/x"):
        assert write(google, bucket, name, b"").ok
    where = f"{STORAGE}/b/{bucket}/o"
    assert [item["name"] for item in listed(google, bucket, prefix="dev/hello/")] == [
        "dev/hello/registry",
        "dev/hello/service",
    ]
    folders = google.call("GET", where, delimiter="/")
    assert ([item["name"] for item in folders["items"]], folders["prefixes"]) == (["a"], ["dev/", "prod/"])
    assert google.call("GET", where, delimiter="/", prefix="dev/")["prefixes"] == ["dev/hello/", "dev/tasks/"]
    first = google.call("GET", where, maxResults="3")
    rest = google.call("GET", where, maxResults="3", pageToken=first["nextPageToken"])
    assert [len(first["items"]), [item["name"] for item in rest["items"]]] == [3, ["dev/tasks/data", "prod/x"]]
    assert "nextPageToken" not in rest


def test_versions_are_kept(google: Google, versioned: str) -> None:
    first, second = (write(google, versioned, "state", content).json()["generation"] for content in (b"1", b"2"))
    assert read(google, versioned, "state") == b"2"
    assert read(google, versioned, "state", generation=first) == b"1"
    google.call("DELETE", path(versioned, "state"))
    assert google.ask("GET", path(versioned, "state")).status_code == 404
    assert listed(google, versioned) == []
    versions = listed(google, versioned, versions="true")
    assert [version["generation"] for version in versions] == [first, second]
    assert all(version["timeDeleted"] for version in versions)
    assert read(google, versioned, "state", generation=second) == b"2"
    # A bucket with nothing but old versions is not empty.
    assert refusal(google.ask("DELETE", f"{STORAGE}/b/{versioned}"))["code"] == 409
    google.call("DELETE", path(versioned, "state"), generation=first)
    assert google.ask("GET", path(versioned, "state"), generation=first).status_code == 404
    third = write(google, versioned, "state", b"3", ifGenerationMatch="0").json()
    assert "timeDeleted" not in third
    assert [version["generation"] for version in listed(google, versioned, versions="true")] == [
        second,
        third["generation"],
    ]


def test_old_versions_outlive_versioning(google: Google, versioned: str) -> None:
    first = write(google, versioned, "state", b"1").json()["generation"]
    write(google, versioned, "state", b"2")
    google.call("PATCH", f"{STORAGE}/b/{versioned}", {"versioning": {"enabled": False}})
    third = write(google, versioned, "state", b"3").json()["generation"]
    assert [version["generation"] for version in listed(google, versioned, versions="true")] == [first, third]
    google.call("DELETE", path(versioned, "state"))
    assert [version["generation"] for version in listed(google, versioned, versions="true")] == [first]


def test_multipart_upload(google: Google, versioned: str) -> None:
    content = b"\r\n--other\r\n\xff\x00"
    answer = multipart(google, versioned, {"name": "m", "metadata": {"a": "b"}, "contentType": "text/plain"}, content)
    assert (answer["metadata"], answer["contentType"], answer["size"]) == ({"a": "b"}, "text/plain", str(len(content)))
    assert read(google, versioned, "m") == content


def multipart(google: Google, bucket: str, metadata: Json, content: bytes) -> Json:
    parts = (("application/json", json.dumps(metadata).encode()), ("text/plain", content))
    body = b"".join(b"--edge\r\nContent-Type: %s\r\n\r\n%s\r\n" % (kind.encode(), part) for kind, part in parts)
    answer = google.session.post(
        f"{google.cloud.google_url}/upload/storage/v1/b/{bucket}/o?uploadType=multipart",
        data=body + b"--edge--",
        headers={"Content-Type": "multipart/related; boundary=edge"},
    )
    found: Json = answer.json()
    return found


def test_content_that_was_damaged_on_its_way(google: Google, versioned: str) -> None:
    right = base64.b64encode(hashlib.md5(b"right", usedforsecurity=False).digest()).decode()
    assert multipart(google, versioned, {"name": "m", "md5Hash": right}, b"right")["size"] == "5"
    answer = multipart(google, versioned, {"name": "m", "md5Hash": right}, b"wrong")
    assert answer["error"]["code"] == 400
    assert read(google, versioned, "m") == b"right"


EDGE = "multipart/related; boundary=edge"


def of_parts(*parts: bytes) -> bytes:
    return b"".join(b"--edge\r\n\r\n" + part + b"\r\n" for part in parts) + b"--edge--"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/related", of_parts(b'{"name": "m"}', b"x")),
        ("multipart/related; boundary=", of_parts(b'{"name": "m"}', b"x")),
        ('multipart/related; boundary="', of_parts(b'{"name": "m"}', b"x")),
        ("text/plain; boundary=edge", of_parts(b'{"name": "m"}', b"x")),
        (EDGE, b""),
        (EDGE, of_parts(b'{"name": "m"}')),
        (EDGE, of_parts(b'{"name": "m"}', b"x").removesuffix(b"--edge--")),
        (EDGE, of_parts(b"{", b"x")),
        (EDGE, of_parts(b"[]", b"x")),
        (EDGE, of_parts(b'{"name": "\\ud800"}', b"x")),
        (EDGE, of_parts(b'{"name": "m", "metadata": {"a": NaN}}', b"x")),
        (EDGE, of_parts(b"[" * 100_000, b"x")),
        (EDGE, of_parts(b'{"name": "m", "contentType": "a\\r\\nb"}', b"x")),
        (EDGE, of_parts(b'{"name": "m", "contentType": " a"}', b"x")),
    ],
)
def test_multipart_uploads_that_are_refused(google: Google, versioned: str, kind: str, body: bytes) -> None:
    where = f"{google.cloud.google_url}/upload/storage/v1/b/{versioned}/o?uploadType=multipart"
    assert refusal(google.session.post(where, data=body, headers={"Content-Type": kind}))["code"] == 400
    assert listed(google, versioned) == []


@pytest.mark.parametrize("span", ["bytes=5-2", "bytes=x", f"bytes={'9' * 5000}-", f"bytes=0-{'9' * 5000}"])
def test_ranges_that_are_none_are_ignored(google: Google, versioned: str, span: str) -> None:
    write(google, versioned, "r", b"whole")
    answer = google.session.get(f"{google.cloud.google_url}/{versioned}/r", headers={"Range": span})
    assert (answer.status_code, answer.content) == (200, b"whole")


def test_resumable_upload(google: Google, versioned: str) -> None:
    begun = google.ask(
        "POST", f"/upload/storage/v1/b/{versioned}/o", {"name": "r"}, uploadType="resumable", ifGenerationMatch="0"
    )
    where = begun.headers["Location"]

    def put(content: bytes, span: str) -> requests.Response:
        return google.session.put(where, data=content, headers={"Content-Range": span}, allow_redirects=False)

    assert put(b"", "bytes */*").status_code == 308
    halfway = put(b"abc", "bytes 0-2/*")
    assert (halfway.status_code, halfway.headers["Range"]) == (308, "bytes=0-2")
    assert refusal(put(b"xyz", "bytes 7-9/10"))["code"] == 400
    assert refusal(put(b"xyz", f"bytes {'9' * 5000}-9/10"))["code"] == 400
    assert refusal(put(b"xyz", "everything"))["code"] == 400
    # Another one was quicker: the condition holds at the end, or nothing is written.
    assert write(google, versioned, "r", b"other").ok
    assert_precondition_failed(put(b"de", "bytes 3-4/5"))
    assert read(google, versioned, "r") == b"other"


def test_buckets(google: Google) -> None:
    where = f"{STORAGE}/b"
    body = {"name": "temu-buckets", "location": "europe-west1", "labels": {"a": "b"}}
    made = google.call("POST", where, body, project=google.project)
    assert (made["location"], made["storageClass"], made["metageneration"]) == ("EUROPE-WEST1", "STANDARD", "1")
    assert refusal(google.ask("POST", where, body, project=google.project))["code"] == 409
    # Names are one for all projects; lists are not.
    assert refusal(google.ask("POST", where, body, project="temu-other"))["code"] == 409
    assert [bucket["name"] for bucket in google.call("GET", where, project=google.project)["items"]] == ["temu-buckets"]
    assert "items" not in google.call("GET", where, project="temu-other")
    changed = google.call("PATCH", f"{where}/temu-buckets", {"versioning": {"enabled": True}, "labels": None})
    assert (changed["versioning"], changed["metageneration"], "labels" in changed) == ({"enabled": True}, "2", False)
    # What is taken away has its default again.
    google.call("PATCH", f"{where}/temu-buckets", {"storageClass": "NEARLINE"})
    assert google.call("PATCH", f"{where}/temu-buckets", {"storageClass": None})["storageClass"] == "STANDARD"
    google.call("DELETE", f"{where}/temu-buckets")
    error = refusal(google.ask("GET", f"{where}/temu-buckets"))
    assert (error["code"], error["errors"][0]["reason"]) == (404, "notFound")


def test_bucket_that_is_called_as_an_api_is_reached(google: Google) -> None:
    for name in ("run", "storage"):
        google.call("POST", f"{STORAGE}/b", {"name": name}, project=google.project)
        write(google, name, "v0/x", b"here")
        assert google.ask("GET", f"/{name}/v0/x").content == b"here"
        assert google.call("GET", f"{STORAGE}/b/{name}/o/v0%2Fx")["name"] == "v0/x"
        google.call("DELETE", f"{STORAGE}/b/{name}/o/v0%2Fx")
        google.call("DELETE", f"{STORAGE}/b/{name}")


@pytest.mark.parametrize(
    ("method", "where", "body", "code"),
    [
        ("POST", f"{STORAGE}/b", {"name": "temu-refused"}, 400),
        ("GET", f"{STORAGE}/b", None, 400),
        ("POST", f"{STORAGE}/b?project=p", {}, 400),
        ("POST", f"{STORAGE}/b?project=p", {"name": "Upper"}, 400),
        ("POST", f"{STORAGE}/b?project=p", {"name": 1}, 400),
        ("POST", f"{STORAGE}/b?project=p", {"name": "temu-refused", "labels": "x"}, 400),
        ("POST", f"{STORAGE}/b?project=p", [], 400),
        ("POST", f"{STORAGE}/b?project=p", b"{", 400),
        ("GET", f"{STORAGE}/b/temu-none", None, 404),
        ("GET", f"{STORAGE}/b/temu-none/o", None, 404),
        ("GET", f"{STORAGE}/b/temu-none/o/x", None, 404),
        ("GET", "/temu-none/x", None, 404),
        ("POST", "/upload/storage/v1/b/temu-none/o?uploadType=media&name=x", b"", 404),
        ("PATCH", f"{STORAGE}/b/temu-versioned", {"location": "us"}, 400),
        ("POST", "/upload/storage/v1/b/temu-versioned/o?uploadType=other&name=x", b"", 400),
        ("POST", "/upload/storage/v1/b/temu-versioned/o?uploadType=media", b"", 400),
        ("POST", f"/upload/storage/v1/b/temu-versioned/o?uploadType=media&name={'x' * 1025}", b"", 400),
        ("POST", "/upload/storage/v1/b/temu-versioned/o?uploadType=media&name=x&ifGenerationMatch=y", b"", 400),
        ("POST", "/upload/storage/v1/b/temu-versioned/o?uploadType=multipart", b"", 400),
        ("PUT", "/upload/storage/v1/b/temu-versioned/o?upload_id=none", b"", 404),
        ("GET", f"{STORAGE}/b/temu-versioned/o/x?generation=y", None, 400),
        ("GET", f"{STORAGE}/b/temu-versioned/o?maxResults=many", None, 400),
        ("POST", f"{STORAGE}/b/temu-versioned/nothing", None, 404),
    ],
)
@pytest.mark.usefixtures("versioned")
def test_bad_requests(google: Google, method: str, where: str, body: Any, code: int) -> None:
    assert refusal(google.ask(method, where, body))["code"] == code


# The gcs backend of the real Terraform.

MAIN = """
terraform {
  backend "gcs" { prefix = "dev/hello/service" }
}
variable "input" { default = "1" }
resource "terraform_data" "this" { input = var.input }
output "output" { value = terraform_data.this.output }
"""
STATE = "dev/hello/service/default.tfstate"
LOCK = "dev/hello/service/default.tflock"


class Backend:
    """Terraform with its state in Cloud Storage, in as many working directories as there are people.

    Args:
        google: the project.
        bucket: where states are.
        directory: where working directories are.
        variables: of the environment.
    """

    def __init__(self, google: Google, bucket: str, directory: Path, **variables: str) -> None:
        self._bucket = bucket
        self._directory = directory
        names = ("STORAGE_EMULATOR_HOST", "GOOGLE_OAUTH_ACCESS_TOKEN")
        self._environment = {name: value for name, value in os.environ.items() if name not in names} | {
            "GOOGLE_CREDENTIALS": str(google.cloud.google_credentials_file),
            "GOOGLE_STORAGE_CUSTOM_ENDPOINT": f"{google.cloud.google_url}/storage/v1/",
            "CHECKPOINT_DISABLE": "1",
            "TF_IN_AUTOMATION": "1",
            **variables,
        }

    def begin(self, who: str, *arguments: str, text: str = MAIN) -> subprocess.Popen[str]:
        """Start a command in somebody's directory."""
        directory = self._directory / who
        directory.mkdir(exist_ok=True)
        (directory / "main.tf").write_text(text)
        return subprocess.Popen(
            ["terraform", *arguments],
            cwd=directory,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, who: str, *arguments: str, status: int = 0, text: str = MAIN) -> str:
        """What a command says, which ends with that status."""
        process = self.begin(who, *arguments, text=text)
        output, _ = process.communicate(timeout=120)
        assert process.returncode == status, output
        return output

    def init(self, who: str, status: int = 0) -> str:
        """Make somebody's directory ready."""
        return self.run(who, "init", f"-backend-config=bucket={self._bucket}", "-input=false", status=status)


@pytest.fixture
def backend(google: Google, versioned: str, tmp_path: Path) -> Backend:
    return Backend(google, versioned, tmp_path)


APPLY = ("apply", "-auto-approve", "-input=false", "-no-color")


def test_terraform_keeps_its_state_in_a_bucket(google: Google, versioned: str, backend: Backend) -> None:
    backend.init("one")
    backend.init("two")
    backend.run("one", *APPLY)
    assert json.loads(read(google, versioned, STATE))["outputs"]["output"]["value"] == "1"
    # Somebody else sees the same state, and changes it.
    assert backend.run("two", "output", "-raw", "output") == "1"
    backend.run("two", *APPLY, "-var=input=2")
    assert backend.run("one", "output", "-raw", "output") == "2"
    # Every state before is kept, and no lock is.
    names = [version["name"] for version in listed(google, versioned, versions="true")]
    assert names.count(STATE) >= 2
    assert [item["name"] for item in listed(google, versioned)] == [STATE]


def test_terraform_locks_its_state_and_unlocks_it(
    google: Google, versioned: str, backend: Backend, tmp_path: Path
) -> None:
    # An apply that goes on until it is told to end.
    gate = tmp_path / "gate"
    waits = f'provisioner "local-exec" {{ command = "until test -e {gate}; do sleep 0.1; done" }}'
    held = MAIN.replace("{ input = var.input }", "{\n  input = var.input\n  " + waits + "\n}")
    backend.init("one")
    backend.init("two")
    first = backend.begin("one", *APPLY, text=held)
    try:
        lock = wait_until(lambda: listed(google, versioned, prefix=LOCK))[0]
        said = backend.run("two", *APPLY, status=1)
        assert "Error acquiring the state lock" in said
        # Who has it, and since when: the lock's own content.
        held_by = json.loads(read(google, versioned, LOCK))
        assert f"Who:       {held_by['Who']}" in said
        assert f"ID:        {lock['generation']}" in said
    finally:
        gate.touch()
        output, _ = first.communicate(timeout=120)
    assert first.returncode == 0, output
    assert listed(google, versioned, prefix=LOCK) == []
    backend.run("two", *APPLY)


def test_lock_of_a_killed_terraform_is_broken_by_its_number(google: Google, versioned: str, backend: Backend) -> None:
    waits = 'provisioner "local-exec" { command = "sleep 600" }'
    held = MAIN.replace("{ input = var.input }", "{\n  input = var.input\n  " + waits + "\n}")
    backend.init("one")
    killed = backend.begin("one", *APPLY, text=held)
    lock = wait_until(lambda: listed(google, versioned, prefix=LOCK))[0]
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    assert "Error acquiring the state lock" in backend.run("one", *APPLY, status=1)
    assert "Failed to unlock" in backend.run("one", "force-unlock", "-force", "1", status=1)
    backend.run("one", "force-unlock", "-force", lock["generation"])
    backend.run("one", *APPLY)


def test_terraform_needs_credentials_for_its_state(google: Google, versioned: str, tmp_path: Path) -> None:
    nobody = Backend(google, versioned, tmp_path, GOOGLE_CREDENTIALS="", GOOGLE_OAUTH_ACCESS_TOKEN="ya29.nobody")
    assert "401" in nobody.init("one", status=1)
