"""Artifact Registry API v1: repositories, and the images that Docker has pushed to them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote, unquote

from slipway_emulator.google.api import ApiError, Json, Request, Response, Routes, invalid, now, page
from slipway_emulator.google.artifact_registry.docker_registry import DockerRegistry
from slipway_emulator.google.iam.policies import Policies
from slipway_emulator.google.messages import ANY, BOOL, INT32, STRING, Enum, Map, check, snake
from slipway_emulator.google.operations import Operations

_PREFIX = "/artifactregistry/v1"
_REPOSITORIES = f"{_PREFIX}/projects/{{project}}/locations/{{location}}/repositories"
_TYPE = "type.googleapis.com/google.devtools.artifactregistry.v1"
_REPOSITORY_ID = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_LOCATION = re.compile(r"[a-z]+(-[a-z]+)*[0-9]*|us|europe|asia")
_MOST_LABELS = 64

_CONDITION = {
    "tagState": Enum(
        "google.devtools.artifactregistry.v1.CleanupPolicyCondition.TagState",
        ("TAG_STATE_UNSPECIFIED", "TAGGED", "UNTAGGED", "ANY"),
    ),
    "tagPrefixes": [STRING],
    "versionNamePrefixes": [STRING],
    "packageNamePrefixes": [STRING],
    "olderThan": "duration",
    "newerThan": "duration",
}
_CLEANUP = {
    "id": STRING,
    "action": Enum(
        "google.devtools.artifactregistry.v1.CleanupPolicy.Action", ("ACTION_UNSPECIFIED", "DELETE", "KEEP")
    ),
    "condition": _CONDITION,
    "mostRecentVersions": {"packageNamePrefixes": [STRING], "keepCount": INT32},
}
_FORMATS = ("FORMAT_UNSPECIFIED", "DOCKER", "MAVEN", "NPM", "APT", "YUM", "PYTHON", "KFP", "GO", "GENERIC", "RUBY")
_MODES = ("MODE_UNSPECIFIED", "STANDARD_REPOSITORY", "VIRTUAL_REPOSITORY", "REMOTE_REPOSITORY")
_REPOSITORY = {
    "name": STRING,
    "format": Enum("google.devtools.artifactregistry.v1.Repository.Format", _FORMATS),
    "mode": Enum("google.devtools.artifactregistry.v1.Repository.Mode", _MODES),
    "description": STRING,
    "labels": Map(STRING),
    "kmsKeyName": STRING,
    "cleanupPolicies": Map(_CLEANUP),
    "cleanupPolicyDryRun": BOOL,
    "dockerConfig": {"immutableTags": BOOL},
    "mavenConfig": ANY,
    "virtualRepositoryConfig": ANY,
    "remoteRepositoryConfig": ANY,
    "vulnerabilityScanningConfig": {
        "enablementConfig": STRING,
        "enablementState": STRING,
        "enablementStateReason": STRING,
        "lastEnableTime": STRING,
    },
    "createTime": STRING,
    "updateTime": STRING,
    "sizeBytes": STRING,
    "satisfiesPzs": BOOL,
    "satisfiesPzi": BOOL,
    "disallowUnspecifiedMode": BOOL,
    "registryUri": STRING,
}
# Never the caller's.
_OUTPUT_ONLY = ("name", "createTime", "updateTime", "sizeBytes", "satisfiesPzs", "satisfiesPzi", "registryUri")
_IMMUTABLE = ("format", "mode", "kmsKeyName")


class ArtifactRegistry:
    """The repositories of each project.

    Args:
        routes: where they are asked for.
        policies: keeps who may read and write them.
        images: holds what Docker pushes.
        registry_address: host and port that image names begin with.
    """

    def __init__(
        self,
        routes: Routes,
        policies: Policies,
        images: DockerRegistry,
        registry_address: str,
    ) -> None:
        self._repositories: dict[str, Json] = {}
        self._policies = policies
        self._images = images
        self._address = registry_address
        self._operations = Operations(routes, _PREFIX)
        images.allow = self._image_repository
        routes.add("POST", _REPOSITORIES, self._create)
        routes.add("GET", _REPOSITORIES, self._list)
        routes.add("GET", f"{_REPOSITORIES}/{{repository}}", self._get)
        routes.add("PATCH", f"{_REPOSITORIES}/{{repository}}", self._patch)
        routes.add("DELETE", f"{_REPOSITORIES}/{{repository}}", self._delete)
        routes.add("GET", f"{_REPOSITORIES}/{{repository}}/dockerImages", self._list_images)
        routes.add("GET", f"{_REPOSITORIES}/{{repository}}/dockerImages/{{image:.+}}", self._get_image)
        routes.add("GET", f"{_REPOSITORIES}/{{repository}}/packages/{{package:.+}}/tags", self._list_tags)
        routes.add("GET", f"{_REPOSITORIES}/{{repository}}/packages/{{package:.+}}/tags/{{tag}}", self._get_tag)
        policies.serve(routes, f"{_REPOSITORIES}/{{repository}}", lambda **names: self._find(**names)["name"])

    def _image_repository(self, project: str, repository: str) -> Json | None:
        """The repository of images that Docker means; locations are in real addresses only."""
        for name, record in self._repositories.items():
            parts = name.split("/")
            if parts[1] == project and parts[5] == repository and record["format"] == "DOCKER":
                return record
        return None

    def _find(self, project: str, location: str, repository: str) -> Json:
        name = f"projects/{project}/locations/{location}/repositories/{repository}"
        if name not in self._repositories:
            raise _not_found()
        return self._repositories[name]

    def _create(self, request: Request, project: str, location: str) -> Response:
        if not _LOCATION.fullmatch(location):
            raise invalid("parent", f'invalid location "{location}"')
        identifier = request.query.get("repositoryId") or request.query.get("repository_id") or ""
        if not _REPOSITORY_ID.fullmatch(identifier):
            raise invalid(
                "repository_id",
                f'invalid repository id "{identifier}": it must start with a lower-case letter, hold only '
                "lower-case letters, digits and hyphens, end without a hyphen, and have at most 63 characters",
            )
        wanted = _checked(request)
        if wanted.get("format", "FORMAT_UNSPECIFIED") == "FORMAT_UNSPECIFIED":
            raise invalid("repository.format", "the format of a repository must be given")
        name = f"projects/{project}/locations/{location}/repositories/{identifier}"
        if name in self._repositories:
            raise ApiError("ALREADY_EXISTS", "the repository already exists")
        moment = now()
        self._repositories[name] = {
            "name": name,
            "mode": "STANDARD_REPOSITORY",
            "createTime": moment,
            "updateTime": moment,
            "registryUri": f"{self._address}/{project}/{identifier}",
            "vulnerabilityScanningConfig": {
                "enablementState": "SCANNING_DISABLED",
                "enablementStateReason": "API containerscanning.googleapis.com is not enabled.",
            },
        } | wanted
        operation = self._operations.begin(project, location, {"@type": f"{_TYPE}.OperationMetadata"})
        response = {"@type": f"{_TYPE}.Repository"} | self._repositories[name]
        return Response(200, self._operations.succeed(operation, response))

    def _list(self, request: Request, project: str, location: str) -> Response:
        prefix = f"projects/{project}/locations/{location}/repositories/"
        if location == "-":
            prefix = f"projects/{project}/locations/"
        records = [record for name, record in sorted(self._repositories.items()) if name.startswith(prefix)]
        return Response(200, page(records, request, "repositories"))

    def _get(self, _: Request, project: str, location: str, repository: str) -> Response:
        found = self._find(project, location, repository)
        size = self._images.size_bytes(f"{project}/{repository}")
        return Response(200, found | ({"sizeBytes": str(size)} if size else {}))

    def _patch(self, request: Request, project: str, location: str, repository: str) -> Response:
        found = self._find(project, location, repository)
        wanted = _checked(request)
        mask = request.query.get("updateMask") or request.query.get("update_mask") or ""
        fields = {snake(name): name for name in _REPOSITORY}
        names = [fields.get(part, part) for part in mask.split(",") if part] or [
            name for name in wanted if wanted[name] != found.get(name)
        ]
        for name in names:
            field = name.partition(".")[0]
            if field not in _REPOSITORY:
                raise invalid("update_mask", f"unknown field {name} in the update mask")
            if field in _IMMUTABLE and wanted.get(field) != found.get(field):
                raise invalid(f"repository.{snake(field)}", f"{snake(field)} cannot be changed")
        for name in names:
            field = name.partition(".")[0]
            if field in wanted:
                found[field] = wanted[field]
            elif field not in (*_IMMUTABLE, *_OUTPUT_ONLY):
                found.pop(field, None)
        found["updateTime"] = now()
        return Response(200, found)

    def _delete(self, _: Request, project: str, location: str, repository: str) -> Response:
        found = self._find(project, location, repository)
        del self._repositories[found["name"]]
        self._policies.forget(found["name"])
        self._images.forget(f"{project}/{repository}")
        operation = self._operations.begin(project, location, {"@type": f"{_TYPE}.OperationMetadata"})
        return Response(
            200, self._operations.succeed(operation, {"@type": "type.googleapis.com/google.protobuf.Empty"})
        )

    def _list_images(self, request: Request, project: str, location: str, repository: str) -> Response:
        return Response(200, page(self._docker_images(project, location, repository), request, "dockerImages"))

    def _get_image(self, _: Request, project: str, location: str, repository: str, image: str) -> Response:
        images = self._docker_images(project, location, repository)
        return Response(200, _only_one(found for found in images if unquote(found["name"]).endswith(f"/{image}")))

    def _docker_images(self, project: str, location: str, repository: str) -> list[Json]:
        parent = self._find(project, location, repository)["name"]
        images = []
        for image in self._images.images(f"{project}/{repository}"):
            path, digest = image["name"].split("/", 2)[2], image["digest"]
            images.append(
                {
                    "name": f"{parent}/dockerImages/{quote(path, safe='')}@{digest}",
                    "uri": f"{self._address}/{project}/{repository}/{path}@{digest}",
                    "tags": image["tags"],
                    "imageSizeBytes": str(image["size"]),
                    "mediaType": image["mediaType"],
                    "uploadTime": image["uploaded"],
                }
            )
        return images

    def _list_tags(self, request: Request, project: str, location: str, repository: str, package: str) -> Response:
        return Response(200, page(self._tags(project, location, repository, package), request, "tags"))

    def _get_tag(self, _: Request, project: str, location: str, repository: str, package: str, tag: str) -> Response:
        tags = self._tags(project, location, repository, package)
        return Response(200, _only_one(found for found in tags if found["name"].endswith(f"/tags/{tag}")))

    def _tags(self, project: str, location: str, repository: str, package: str) -> list[Json]:
        parent = f"{self._find(project, location, repository)['name']}/packages/{quote(package, safe='')}"
        tags = self._images.tags(f"{project}/{repository}/{package}")
        return [
            {"name": f"{parent}/tags/{tag}", "version": f"{parent}/versions/{digest}"} for tag, digest in tags.items()
        ]


def _only_one(found: Iterator[Json]) -> Json:
    """The first one, if there is one."""
    for one in found:
        return one
    raise _not_found()


def _not_found() -> ApiError:
    return ApiError("NOT_FOUND", "Requested entity was not found.")


def _checked(request: Request) -> Json:
    """The caller's part of a repository."""
    body: Json = check(_REPOSITORY, request.json(), "repository")
    labels = body.get("labels", {})
    if len(labels) > _MOST_LABELS:
        raise invalid("repository.labels", f"a repository has at most {_MOST_LABELS} labels")
    for key, value in labels.items():
        if not re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", key) or not re.fullmatch(r"[a-z0-9_-]{0,63}", value):
            raise invalid(
                "repository.labels",
                f'invalid label "{key}": "{value}": lower-case letters, digits, underscores and hyphens, at most 63, '
                "and a key begins with a letter",
            )
    for key, policy in body.get("cleanupPolicies", {}).items():
        if policy.setdefault("id", key) != key:
            raise invalid(f"repository.cleanup_policies[{key}].id", "the id of a policy must be its key")
        if policy.get("action") not in ("DELETE", "KEEP"):
            raise invalid(f"repository.cleanup_policies[{key}].action", "a cleanup policy must delete or keep")
        if "mostRecentVersions" in policy and policy["action"] != "KEEP":
            raise invalid(
                f"repository.cleanup_policies[{key}].most_recent_versions",
                "only a keep policy may have most recent versions",
            )
        if ("condition" in policy) == ("mostRecentVersions" in policy):
            raise invalid(
                f"repository.cleanup_policies[{key}]", "a cleanup policy has either a condition or most recent versions"
            )
    return {name: value for name, value in body.items() if name not in _OUTPUT_ONLY}
