"""Artifact Registry: repositories, the images that Docker pushes to them, and what its API says of these."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
import requests

from emulator.tests.google_apis import ARTIFACTS, DOCKER_USER, Google, build, detail, forget_images
from emulator.tests.odd_values import NO_OBJECTS
from slipway_emulator.settings import Settings

Publish = Callable[[str, str, str], str]

POLICIES = {
    "keep": {"id": "keep", "action": "KEEP", "mostRecentVersions": {"keepCount": 10}},
    "old": {"id": "old", "action": "DELETE", "condition": {"tagState": "UNTAGGED", "olderThan": "604800s"}},
}


@pytest.fixture(scope="module")
def google(cloud: Settings) -> Google:
    return Google(cloud, "temu-artifacts", "artifactregistry")


@pytest.fixture
def repository(google: Google, engine: docker.DockerClient) -> Iterator[str]:
    """How the names of images in an empty repository begin."""
    address = google.make_repository("temu-images")
    yield address
    google.ask("DELETE", path(google))
    forget_images(engine, google.cloud.google_registry_address)


@pytest.fixture
def publish(google: Google, engine: docker.DockerClient, tmp_path: Path) -> Publish:
    """Builds an image of one file and pushes it: `publish(content, name, tag)`; the error, if any."""

    def publish(content: str, name: str, tag: str) -> str:
        build(engine, tmp_path, content, name, tag)
        return google.push(engine, name, tag)

    return publish


def path(google: Google, rest: str = "", repository: str = "temu-images") -> str:
    return f"{ARTIFACTS}/{google.parent}/repositories/{repository}{rest}"


def test_life_of_a_repository(google: Google) -> None:
    parent = f"{ARTIFACTS}/{google.parent}/repositories"
    body = {
        "format": "DOCKER",
        "description": "Images",
        "labels": {"environment": "development"},
        "dockerConfig": {"immutableTags": True},
        "cleanupPolicies": POLICIES,
    }
    operation = google.operate(ARTIFACTS, "POST", f"{google.parent}/repositories", body, repositoryId="temu-life")
    made = google.call("GET", f"{parent}/temu-life")
    assert (
        operation["response"] == {"@type": "type.googleapis.com/google.devtools.artifactregistry.v1.Repository"} | made
    )
    assert made.items() >= body.items()
    assert (made["name"], made["mode"]) == (f"{google.parent}/repositories/temu-life", "STANDARD_REPOSITORY")
    assert made["registryUri"] == f"{google.cloud.google_registry_address}/temu-artifacts/temu-life"
    assert made in google.call("GET", parent)["repositories"]
    everywhere = f"{ARTIFACTS}/projects/temu-artifacts/locations/-/repositories"
    assert made in google.call("GET", everywhere)["repositories"]
    error = google.refusal("POST", parent, body, repositoryId="temu-life")
    assert (error["code"], error["status"]) == (409, "ALREADY_EXISTS")
    deleted = google.operate(ARTIFACTS, "DELETE", f"{google.parent}/repositories/temu-life")
    assert deleted["response"] == {"@type": "type.googleapis.com/google.protobuf.Empty"}
    assert google.refusal("GET", f"{parent}/temu-life")["status"] == "NOT_FOUND"
    assert google.refusal("DELETE", f"{parent}/temu-life")["status"] == "NOT_FOUND"


@pytest.mark.usefixtures("repository")
def test_only_what_the_mask_names_is_changed(google: Google) -> None:
    google.call("PATCH", path(google), {"description": "One", "labels": {"a": "1"}}, updateMask="description,labels")
    changed = google.call(
        "PATCH", path(google), {"description": "Two", "cleanupPolicies": POLICIES}, updateMask="cleanupPolicies"
    )
    assert (changed["description"], changed["labels"], changed["cleanupPolicies"]) == ("One", {"a": "1"}, POLICIES)
    assert changed["updateTime"] > changed["createTime"]
    # What the mask names and the body lacks is taken away, by either way of writing its name.
    changed = google.call("PATCH", path(google), {}, updateMask="cleanup_policies,labels")
    assert not {"cleanupPolicies", "labels"} & changed.keys()
    assert changed == google.call("GET", path(google))


@pytest.mark.parametrize(
    ("body", "mask", "field"),
    [
        ({"format": "NPM"}, "format", "repository.format"),
        ({"mode": "REMOTE_REPOSITORY"}, "mode", "repository.mode"),
        ({"kmsKeyName": "x"}, "kms_key_name", "repository.kms_key_name"),
        ({"description": "x"}, "colour", "update_mask"),
    ],
)
@pytest.mark.usefixtures("repository")
def test_changes_that_are_refused(google: Google, body: dict[str, str], mask: str, field: str) -> None:
    before = google.call("GET", path(google))
    error = google.refusal("PATCH", path(google), body, updateMask=mask)
    assert error["status"] == "INVALID_ARGUMENT"
    assert detail(error, "BadRequest")["fieldViolations"][0]["field"] == field
    assert google.call("GET", path(google)) == before


def test_digest_of_a_tag(google: Google, engine: docker.DockerClient, repository: str, publish: Publish) -> None:
    assert publish("one", f"{repository}/group/tiny", "v1") == ""
    assert publish("two", f"{repository}/group/tiny", "v2") == ""
    digests = {}
    for tag in ("v1", "v2"):
        [name] = engine.images.get(f"{repository}/group/tiny:{tag}").attrs["RepoDigests"]
        digests[tag] = name.partition("@")[2]
    package = f"{google.parent}/repositories/temu-images/packages/group%2Ftiny"
    asked = google.call("GET", f"{ARTIFACTS}/{package}/tags/v2")
    assert asked == {"name": f"{package}/tags/v2", "version": f"{package}/versions/{digests['v2']}"}
    listed = google.call("GET", f"{ARTIFACTS}/{package}/tags")["tags"]
    assert {tag["name"]: tag["version"] for tag in listed} == {
        f"{package}/tags/{tag}": f"{package}/versions/{digest}" for tag, digest in digests.items()
    }
    # Docker's own way to ask.
    answer = requests.head(
        f"{google.cloud.google_url}/v2/temu-artifacts/temu-images/group/tiny/manifests/v2",
        auth=(DOCKER_USER, google.token()),
        timeout=10,
    )
    assert answer.headers["Docker-Content-Digest"] == digests["v2"]
    assert google.refusal("GET", f"{ARTIFACTS}/{package}/tags/v3")["status"] == "NOT_FOUND"
    assert google.call("GET", path(google, "/packages/none/tags")) == {}


def test_images_are_listed(google: Google, engine: docker.DockerClient, repository: str, publish: Publish) -> None:
    assert publish("one", f"{repository}/tiny", "v1") == ""
    engine.images.get(f"{repository}/tiny:v1").tag(f"{repository}/tiny", tag="latest")
    assert google.push(engine, f"{repository}/tiny", "latest") == ""
    assert publish("two", f"{repository}/other", "v1") == ""
    images = google.call("GET", path(google, "/dockerImages"))["dockerImages"]
    assert [(image["uri"].partition("@")[0], image["tags"]) for image in images] == [
        (f"{repository}/other", ["v1"]),
        (f"{repository}/tiny", ["latest", "v1"]),
    ]
    assert google.call("GET", f"{ARTIFACTS}/{images[1]['name']}") == images[1]
    assert google.refusal("GET", path(google, "/dockerImages/tiny@sha256:00"))["status"] == "NOT_FOUND"
    size = sum(int(image["imageSizeBytes"]) for image in images)
    assert google.call("GET", path(google))["sizeBytes"] == str(size)


def test_immutable_tag_refuses_another_image(google: Google, engine: docker.DockerClient, publish: Publish) -> None:
    repository = google.make_repository("temu-immutable", dockerConfig={"immutableTags": True})
    try:
        assert publish("one", f"{repository}/tiny", "v1") == ""
        assert publish("one", f"{repository}/tiny", "v1") == ""
        tag = path(google, "/packages/tiny/tags/v1", "temu-immutable")
        before = google.call("GET", tag)
        assert "immutable" in publish("two", f"{repository}/tiny", "v1")
        assert google.call("GET", tag) == before
        assert publish("two", f"{repository}/tiny", "v2") == ""
        # Nor are tags taken away, nor what they name ("Immutable image tags").
        for reference in ("v1", before["version"].rpartition("/")[2]):
            answer = requests.delete(
                f"{google.cloud.google_url}/v2/temu-artifacts/temu-immutable/tiny/manifests/{reference}",
                auth=(DOCKER_USER, google.token()),
                timeout=10,
            )
            assert (answer.status_code, "immutable" in answer.text) == (400, True)
        google.call("PATCH", path(google, repository="temu-immutable"), {"dockerConfig": {}}, updateMask="dockerConfig")
        assert publish("three", f"{repository}/tiny", "v1") == ""
    finally:
        google.call("DELETE", path(google, repository="temu-immutable"))
        forget_images(engine, repository)


@pytest.mark.parametrize(("immutable", "left"), [(False, ["v2", "v3"]), (True, ["v1", "v2", "v3"])])
def test_clean_up_spares_only_the_newest_and_immutable_tags(
    google: Google, engine: docker.DockerClient, publish: Publish, immutable: bool, left: list[str]
) -> None:
    policies = {
        "others": {"action": "DELETE", "condition": {"tagState": "ANY"}},
        "newest": {"action": "KEEP", "mostRecentVersions": {"keepCount": 2}},
    }
    repository = google.make_repository(
        "temu-clean", cleanupPolicies=policies, dockerConfig={"immutableTags": immutable}
    )
    try:
        for tag in ("v1", "v2", "v3"):
            assert publish(tag, f"{repository}/tiny", tag) == ""
        images = google.call("GET", path(google, "/dockerImages", "temu-clean"))["dockerImages"]
        assert sorted(tag for image in images for tag in image["tags"]) == left
    finally:
        google.call("DELETE", path(google, repository="temu-clean"))
        forget_images(engine, repository)


def test_deleted_repository_takes_its_images_with_it(
    google: Google, engine: docker.DockerClient, repository: str, publish: Publish
) -> None:
    assert publish("one", f"{repository}/tiny", "v1") == ""
    google.call("DELETE", path(google))
    assert 'Repository "temu-images" not found' in google.push(engine, f"{repository}/tiny", "v1")
    # A new repository of the same name has none of the old images.
    google.make_repository("temu-images")
    forget_images(engine, repository)
    with pytest.raises(docker.errors.NotFound):
        engine.images.pull(f"{repository}/tiny:v1", auth_config={"username": DOCKER_USER, "password": google.token()})
    assert google.call("GET", path(google, "/dockerImages")) == {}


def test_repositories_do_not_share_layers(
    google: Google, engine: docker.DockerClient, repository: str, publish: Publish
) -> None:
    other = google.make_repository("temu-other")
    assert publish("one", f"{other}/tiny", "v1") == ""
    assert publish("one", f"{repository}/tiny", "v1") == ""
    google.call("DELETE", path(google, repository="temu-other"))
    forget_images(engine, google.cloud.google_registry_address)
    engine.images.pull(f"{repository}/tiny:v1", auth_config={"username": DOCKER_USER, "password": google.token()})


def test_push_goes_on_while_another_repository_is_deleted(google: Google, repository: str) -> None:
    """A layer lies in its repository before any image names it."""
    google.make_repository("temu-other")
    base = f"{google.cloud.google_url}/v2/{repository.partition('/')[2]}/tiny"
    docker_session = requests.Session()
    docker_session.auth = (DOCKER_USER, google.token())
    digest = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    pushed = docker_session.post(f"{base}/blobs/uploads/", params={"digest": digest}, data=b"abc", timeout=10)
    assert pushed.status_code == 201
    google.call("DELETE", path(google, repository="temu-other"))
    assert docker_session.get(f"{base}/blobs/{digest}", timeout=10).content == b"abc"


def test_damaged_layer_is_refused(google: Google, repository: str) -> None:
    base = f"{google.cloud.google_url}/v2/{repository.partition('/')[2]}/tiny"
    docker_session = requests.Session()
    docker_session.auth = (DOCKER_USER, google.token())
    digest = f"sha256:{'0' * 64}"
    pushed = docker_session.post(f"{base}/blobs/uploads/", params={"digest": digest}, data=b"abc", timeout=10)
    assert (pushed.status_code, pushed.json()["errors"][0]["code"]) == (400, "DIGEST_INVALID")
    assert docker_session.head(f"{base}/blobs/{digest}", timeout=10).status_code == 404


@pytest.mark.parametrize(
    "manifest",
    [
        b"{",
        b"[]",
        b"[" * 100_000,
        b"{}",
        b'{"config": "x"}',
        b'{"config": {"digest": 1}}',
        b'{"layers": {"digest": "sha256:x"}}',
        b'{"manifests": [{"digest": "sha256:0000000000000000000000000000000000000000000000000000000000000000"}]}',
    ],
)
def test_manifests_that_are_refused(google: Google, repository: str, manifest: bytes) -> None:
    answer = requests.put(
        f"{google.cloud.google_url}/v2/{repository.partition('/')[2]}/tiny/manifests/v1",
        data=manifest,
        auth=(DOCKER_USER, google.token()),
        timeout=10,
    )
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"].startswith("MANIFEST_")
    assert google.call("GET", path(google, "/packages/tiny/tags")) == {}


def test_layer_of_an_image_that_cannot_be_is_not_mounted(google: Google, repository: str) -> None:
    answer = requests.post(
        f"{google.cloud.google_url}/v2/{repository.partition('/')[2]}/tiny/blobs/uploads/",
        params={"mount": f"sha256:{'0' * 64}", "from": f"{'a' * 300}/b/c"},
        auth=(DOCKER_USER, google.token()),
        timeout=10,
    )
    # The layer must be uploaded then (OCI Distribution Specification, "Mounting a blob from another repository").
    assert answer.status_code == 202


def cleanup(**policy: Any) -> dict[str, Any]:
    return {"format": "DOCKER", "cleanupPolicies": {"a": policy}}


@pytest.mark.parametrize(
    ("identifier", "body", "field"),
    [
        ("temu-refused", {}, "repository.format"),
        ("temu-refused", {"format": "TAR"}, "repository.format"),
        ("temu-refused", {"format": 1.5}, "repository.format"),
        ("temu-refused", {"format": "DOCKER", "colour": "red"}, "repository"),
        ("temu-refused", {"format": "DOCKER", "description": 1}, "repository.description"),
        ("temu-refused", {"format": "DOCKER", "labels": ["a"]}, "repository.labels"),
        ("temu-refused", {"format": "DOCKER", "labels": {"A": "x"}}, "repository.labels"),
        ("temu-refused", {"format": "DOCKER", "labels": {"a": "X"}}, "repository.labels"),
        ("temu-refused", {"format": "DOCKER", "dockerConfig": {"immutable": True}}, "repository.docker_config"),
        ("temu-refused", cleanup(condition={}), "repository.cleanup_policies[a].action"),
        ("temu-refused", cleanup(action="KEEP"), "repository.cleanup_policies[a]"),
        ("temu-refused", cleanup(action="DELETE", id="b", condition={}), "repository.cleanup_policies[a].id"),
        (
            "temu-refused",
            cleanup(action="DELETE", mostRecentVersions={"keepCount": 1}),
            "repository.cleanup_policies[a].most_recent_versions",
        ),
        (
            "temu-refused",
            cleanup(action="DELETE", condition={"olderThan": "7d"}),
            "repository.cleanup_policies[a].condition.older_than",
        ),
        ("", {"format": "DOCKER"}, "repository_id"),
        ("Upper", {"format": "DOCKER"}, "repository_id"),
        ("ends-", {"format": "DOCKER"}, "repository_id"),
        ("x" * 64, {"format": "DOCKER"}, "repository_id"),
    ],
)
def test_repositories_that_are_refused(google: Google, identifier: str, body: Any, field: str) -> None:
    error = google.refusal("POST", f"{ARTIFACTS}/{google.parent}/repositories", body, repositoryId=identifier)
    assert error["status"] == "INVALID_ARGUMENT"
    assert detail(error, "BadRequest")["fieldViolations"][0]["field"] == field


@pytest.mark.parametrize("body", [*NO_OBJECTS, b"[]", b'{"description": NaN}', b'{"description": "\\ud800"}'])
def test_bodies_that_are_no_message(google: Google, body: bytes) -> None:
    error = google.refusal("POST", f"{ARTIFACTS}/{google.parent}/repositories", body, repositoryId="temu-refused")
    assert error["status"] == "INVALID_ARGUMENT"
    assert error["message"].startswith("Invalid JSON payload received.")
