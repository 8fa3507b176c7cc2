"""ECR: immutable tags, and repositories that are not removed with their images by mistake."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import docker
import pytest
import requests

from emulator.tests.stack import Client, ecr_credentials, push
from slipway_emulator.settings import Settings

Publish = Callable[[str, str], str]
NAME = "temu-tiny"


@pytest.fixture
def repository(aws: Client, engine: docker.DockerClient) -> Iterator[str]:
    """Address of an empty repository with immutable tags."""
    ecr = aws("ecr")
    created = ecr.create_repository(repositoryName=NAME, imageTagMutability="IMMUTABLE")["repository"]
    yield created["repositoryUri"]
    ecr.delete_repository(repositoryName=NAME, force=True)
    for image in engine.images.list(created["repositoryUri"]):
        engine.images.remove(image.id, force=True)


@pytest.fixture
def publish(aws: Client, engine: docker.DockerClient, tmp_path: Path, repository: str) -> Publish:
    """Builds an image of one file and pushes it with a tag; the error, if any."""

    def publish(content: str, tag: str) -> str:
        (tmp_path / "content").write_text(content)
        (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY content /\n")
        image, _ = engine.images.build(path=str(tmp_path), rm=True)
        image.tag(repository, tag=tag)
        return push(engine, repository, tag, ecr_credentials(aws))

    return publish


def test_address_is_on_loopback(repository: str) -> None:
    assert repository == f"127.0.0.1:14566/{NAME}"


def test_immutable_tag_refuses_another_image(publish: Publish) -> None:
    assert publish("one", "v1") == ""
    assert publish("one", "v1") == ""
    assert "immutable" in publish("two", "v1")
    assert publish("two", "v2") == ""


def test_another_account_has_a_registry_of_its_own(
    publish: Publish, cloud: Settings, engine: docker.DockerClient
) -> None:
    assert publish("one", "v1") == ""
    keys = {"aws_access_key_id": "222233334444", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    theirs = boto3.client("ecr", endpoint_url=cloud.gateway_url, **keys)
    refused = push(engine, f"127.0.0.1:14566/{NAME}", "v1", ecr_credentials(lambda _: theirs))
    assert "name unknown" in refused
    theirs.create_repository(repositoryName=NAME)
    assert push(engine, f"127.0.0.1:14566/{NAME}", "v1", ecr_credentials(lambda _: theirs)) == ""
    assert len(theirs.describe_images(repositoryName=NAME)["imageDetails"]) == 1
    theirs.delete_repository(repositoryName=NAME, force=True)


def test_repository_with_images_stays_without_force(
    aws: Client, engine: docker.DockerClient, publish: Publish, repository: str
) -> None:
    ecr = aws("ecr")
    publish("one", "v1")
    with pytest.raises(ecr.exceptions.RepositoryNotEmptyException):
        ecr.delete_repository(repositoryName=NAME)
    digest = ecr.describe_images(repositoryName=NAME)["imageDetails"][0]["imageDigest"]
    ecr.delete_repository(repositoryName=NAME, force=True)
    ecr.create_repository(repositoryName=NAME)
    # A new repository of the same name has none of the old images.
    engine.images.remove(f"{repository}:v1", force=True)
    with pytest.raises(docker.errors.NotFound):
        engine.images.pull(f"{repository}@{digest}", auth_config=ecr_credentials(aws))


def test_layer_of_another_repository_is_not_mounted(aws: Client, publish: Publish, repository: str) -> None:
    # The setting BLOB_MOUNTING is off in a new registry.
    publish("one", "v1")
    address = f"http://{repository.replace('/', '/v2/')}"
    credentials = ecr_credentials(aws)
    password = credentials["username"], credentials["password"]
    layer = requests.get(f"{address}/manifests/v1", auth=password, timeout=10).json()["layers"][0]["digest"]
    asked = {"mount": layer, "from": NAME}
    assert requests.post(f"{address}/blobs/uploads/", params=asked, auth=password, timeout=10).status_code == 202
