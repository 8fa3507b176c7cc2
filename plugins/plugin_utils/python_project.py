# Copyright (c) 2026 Slipway contributors
# SPDX-License-Identifier: MIT

"""What images/python/Dockerfile builds of a folder: with which Python, and what keeps it from that."""

from __future__ import annotations

import ast
import json
import posixpath
import re
import tomllib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.slipway.provision.images.python.install import FILES
from ansible_collections.slipway.provision.plugins.plugin_utils.action import MissingLibraryError

try:
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    from packaging.utils import canonicalize_name
    from pip_requirements_parser import RequirementsFile
except ImportError:
    RequirementsFile = None

Json = dict[str, Any]

DOCKERFILE = Path(__file__).resolve().parents[2] / "images/python/Dockerfile"

_LOCKED_BY = {
    "uv.lock": ("pyproject.toml", "uv lock"),
    "poetry.lock": ("pyproject.toml", "poetry lock"),
    "pdm.lock": ("pyproject.toml", "pdm lock"),
    "Pipfile.lock": ("Pipfile", "pipenv lock"),
}
"""What a lock file is made from, and the command that makes it."""
_VERSION = re.compile(r"(?:c?python-?)?(\d+\.\d+)(?:\.\d+)?", re.IGNORECASE)
_VERSION_OF_IMAGE = re.compile(r"(?:^|/)python:3\.(\d+)(?:\.(\d+))?(?![\d.])")
# Versions of Poetry's own kind: "^3.11" and "~3.11".
_CARET, _TILDE = re.compile(r"\^\s*(\d+)((?:\.\d+)*)"), re.compile(r"~(?!=)\s*(\d+(?:\.\d+)?)((?:\.\d+)*)")
# The newest release of a minor version, which is what a tag such as 3.11 stands for.
_NEWEST = 99
_FRAMEWORKS_OF_ASGI = ("FastAPI", "Litestar", "Quart", "Sanic", "Starlette")


@dataclass(frozen=True)
class Problem:
    """What keeps an application from being built.

    Attributes:
        what: what is wrong.
        remedy: what to do, as a sentence without its full stop.
        file: where it stands, below the application's folder; empty where it is about the folder.
        line: line of that file, where it is about one.
    """

    what: str
    remedy: str
    file: str = ""
    line: int | None = None


@dataclass(frozen=True)
class _Asked:
    """A Python that an application asks for."""

    file: str
    line: int | None
    written: str
    allowed: SpecifierSet

    def allows(self, minor: int, release: int | None = None) -> bool:
        """Whether a version 3.x is one; without a release, its newest."""
        return bool(self.allowed.contains(f"3.{minor}.{_NEWEST if release is None else release}"))

    def __str__(self) -> str:
        return f"{self.file} asks for {self.written}"


class _UnreadableError(Exception):
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.what)
        self.problem = problem


class _Files:
    """The files of an application that the build sees."""

    def __init__(self, folder: Path, names: Collection[str]) -> None:
        self.folder = folder
        self.names = names

    def read(self, name: str) -> Json:
        """What a file in TOML or JSON holds; nothing where there is none."""
        if name not in self.names:
            return {}
        text = (self.folder / name).read_text("utf-8-sig", "replace")
        try:
            found: Json = json.loads(text) if name == "Pipfile.lock" else tomllib.loads(text)
        except ValueError as error:
            line = re.search(r"line (\d+)", str(error))
            raise _UnreadableError(
                Problem(f"it cannot be read: {error}", "Correct it", name, int(line[1]) if line else None)
            ) from error
        return found

    def line(self, name: str, text: str) -> int | None:
        """Number of the first line of a file that has a text in it."""
        lines = (self.folder / name).read_text("utf-8-sig", "replace").splitlines()
        return next((number for number, line in enumerate(lines, 1) if text in line), None)

    def has(self, path: str) -> bool:
        """Whether a path, relative to the folder, is a file or a folder that the build sees."""
        path = posixpath.normpath(path)
        return path == "." or path in self.names or any(name.startswith(f"{path}/") for name in self.names)

    def why_not(self, path: str) -> str:
        """Why the build does not see a path."""
        if path.startswith("/") or posixpath.normpath(path).startswith(".."):
            return "is not in the application's folder, and the build sees nothing else"
        return "is left out by .dockerignore" if (self.folder / path).exists() else "is not there"


def python_image(folder: Path) -> str | None:
    """The image with the Python that an application asks for; None where it asks for none, or for one that cannot be.

    It is the Dockerfile's own where that is allowed, or else the next newer one that is, or else the next older one.

    Args:
        folder: the application's.
    """
    try:
        asked = list(_asked_pythons(folder))
    except _UnreadableError:
        return None
    found = re.search(r"^ARG PYTHON_IMAGE=(.*:3\.)(\d+)(.*)$", DOCKERFILE.read_text(), re.MULTILINE)
    if not asked or not found:
        return None
    first = int(found[2])
    minors = [*range(first, first + 20), *range(first - 1, 0, -1)]
    tags = [(minor, release) for releases in ([None], range(30, -1, -1)) for minor in minors for release in releases]
    for minor, release in tags:
        if all(one.allows(minor, release) for one in asked):
            return f"{found[1]}{minor}{'' if release is None else f'.{release}'}{found[3]}"
    return None


def problems(folder: Path, names: Collection[str], arguments: Mapping[str, str]) -> list[Problem]:
    """What keeps an application from being built by the Dockerfile, as far as files tell.

    Args:
        folder: the application's.
        names: of the files below it that the build sees.
        arguments: build arguments.

    Raises:
        MissingLibraryError: the library pip-requirements-parser is not installed.
    """
    if RequirementsFile is None:
        raise MissingLibraryError("pip-requirements-parser")
    files = _Files(folder, frozenset(names))
    found = []
    for check in (_wrong_dependencies, _wrong_python, _wrong_callable):
        try:
            found += list(check(files, arguments))
        except _UnreadableError as error:
            found.append(error.problem)
    return list(dict.fromkeys(found))


def _asked_pythons(folder: Path) -> Iterator[_Asked]:
    """The Pythons that an application asks for; what is written in a form of its own asks for none."""
    files = _Files(
        folder, [name for name in (".python-version", "pyproject.toml", "Pipfile") if (folder / name).is_file()]
    )
    written: list[tuple[str, Any, str]] = []
    if ".python-version" in files.names:
        lines = (folder / ".python-version").read_text("utf-8-sig", "replace").splitlines()
        version = next((line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")), "")
        if match := _VERSION.fullmatch(version):
            written.append((".python-version", version, f"=={match[1]}.*"))
    project, required = files.read("pyproject.toml"), files.read("Pipfile").get("requires", {})
    if requires := project.get("project", {}).get("requires-python"):
        written.append(("pyproject.toml", requires, requires))
    elif poetry := project.get("tool", {}).get("poetry", {}).get("dependencies", {}).get("python"):
        plain = _CARET.sub(lambda one: f">={one[1]}{one[2]},<{int(one[1]) + 1}", str(poetry))
        written.append(("pyproject.toml", poetry, _TILDE.sub(r">=\1\2,==\1.*", plain)))
    if full := required.get("python_full_version"):
        written.append(("Pipfile", full, f"=={full}"))
    elif version := required.get("python_version"):
        written.append(("Pipfile", version, f"=={version}.*"))
    for file, text, specifier in written:
        try:
            yield _Asked(file, files.line(file, str(text)), str(text), SpecifierSet(specifier))
        except InvalidSpecifier:
            continue


def _wrong_python(files: _Files, arguments: Mapping[str, str]) -> Iterator[Problem]:
    """What is wrong with the Python of the image."""
    asked = list(_asked_pythons(files.folder))
    image = arguments.get("PYTHON_IMAGE", "")
    if version := _VERSION_OF_IMAGE.search(image):
        minor, release = int(version[1]), None if version[2] is None else int(version[2])
        for one in asked:
            if not one.allows(minor, release):
                text = f"it asks for Python {one.written}, and PYTHON_IMAGE in image_build_args is {image}"
                yield Problem(text, "Change either, or leave PYTHON_IMAGE out", one.file, one.line)
    elif asked and not image:
        # Whoever names no image gets the one that python_image finds.
        text = f"no Python is what the application asks for: {' and '.join(map(str, asked))}"
        yield Problem(text, f"Correct {' or '.join(dict.fromkeys(one.file for one in asked))}")


def _wrong_dependencies(files: _Files, _arguments: Mapping[str, str]) -> Iterator[Problem]:
    """What is wrong with the files that name dependencies."""
    chosen = next((name for name in FILES if name in files.names), "")
    project = files.read("pyproject.toml")
    if chosen == "pyproject.toml" and "project" not in project:
        chosen = ""
    poetry = project.get("tool", {}).get("poetry", {}).get("dependencies", {}).keys() - {"python"}
    missing = {
        "poetry.lock": chosen in ("", "pyproject.toml") and poetry and "pyproject.toml",
        "Pipfile.lock": not chosen and "Pipfile" in files.names and "Pipfile",
    }
    for lock, beside in missing.items():
        if beside:
            text = f"{lock}, which says what is installed of it, {files.why_not(lock)}"
            yield Problem(text, f"Run {_LOCKED_BY[lock][1]}, and keep {lock} in the folder", beside)
            return
    if not chosen:
        ignored = [name for name in FILES if (files.folder / name).is_file() and name != "pyproject.toml"]
        because = f"; .dockerignore leaves out {' and '.join(ignored)}" if ignored else ""
        text = (
            f"nothing names the dependencies: the build sees neither {', '.join(FILES[:-1])} nor a pyproject.toml with"
        )
        yield Problem(f"{text} [project]{because}", "Write one of them, or a Dockerfile; requirements.txt may be empty")
    elif chosen in _LOCKED_BY:
        yield from _wrong_lock(files, chosen)
    elif chosen == "requirements.txt":
        yield from _wrong_requirements(files)
    else:
        yield from _wrong_entries(files, "pyproject.toml", project["project"].get("dependencies", []))
        sources = project.get("tool", {}).get("uv", {}).get("sources", {}).values()
        paths = [one["path"] for one in sources if isinstance(one, dict) and "path" in one]
        yield from _wrong_paths(files, "pyproject.toml", paths)


def _wrong_requirements(files: _Files) -> Iterator[Problem]:
    """What is wrong with requirements.txt and with what it includes."""
    hashed, unhashed = False, []
    included = {"requirements.txt": "requirements"}
    for name in (names := list(included)):
        parsed = RequirementsFile.from_file(str(files.folder / name))
        for wrong in parsed.invalid_lines:
            reason = str(wrong.error_message).removeprefix("Invalid requirement: ").lstrip(": ").splitlines()[0]
            yield Problem(f"{wrong.line} is no requirement: {reason}", "Correct the line", name, wrong.line_number)
        for one in parsed.options:
            for kind in ("requirements", "constraints", "find_links"):
                for path in one.options.get(kind) or []:
                    # pip looks for files beside the one that includes them, for links in the folder that it runs in.
                    below = "" if kind == "find_links" else posixpath.dirname(name)
                    path_here = posixpath.normpath(posixpath.join(below, path))
                    if "://" not in path and not files.has(path_here):
                        remedy = "Put it into the folder, or take the line out"
                        yield Problem(f"{path} {files.why_not(path_here)}", remedy, name, one.line_number)
                    elif "://" not in path and kind != "find_links" and path_here not in included:
                        included[path_here] = kind
                        names.append(path_here)
        for one in parsed.requirements:
            yield from _wrong_link(files, name, one)
            if included[name] == "requirements":
                hashed = hashed or bool(one.hash_options)
                unhashed += [] if one.hash_options else [(name, one.line_number, one.line)]
    for name, line, requirement in unhashed if hashed else []:
        text = f"{requirement} has no hash, and others have one: pip then takes nothing without"
        yield Problem(text, "Give all of them hashes (pip-compile --generate-hashes), or none", name, line)


def _wrong_link(files: _Files, name: str, requirement: Any) -> Iterator[Problem]:
    """What is wrong with where a requirement is to be had."""
    url = requirement.link.url if requirement.link else ""
    path = re.sub(r"^file:(//)?|[\[#].*", "", url)
    if re.match(r"git\+ssh:|(hg|svn|bzr)\+", url):
        text = (
            f"{url} needs {'a key of SSH' if 'ssh:' in url else url.partition('+')[0]}, which the build does not have"
        )
        remedy = "Name it by git+https, or a release that is in an index"
        yield Problem(text, remedy, name, requirement.line_number)
    elif path and not re.match(r"git\+|https?:", url) and not files.has(path):
        remedy = "Move it into the folder, or name a release that is in an index"
        yield Problem(f"{path} {files.why_not(path)}", remedy, name, requirement.line_number)


def _wrong_lock(files: _Files, lock: str) -> Iterator[Problem]:
    """What is wrong with a lock file and what it is made from."""
    source, command = _LOCKED_BY[lock]
    if source not in files.names:
        yield Problem(f"{source}, which it is made from, {files.why_not(source)}", f"Keep {source} beside it", lock)
        return
    held, asked = files.read(lock), files.read(source)
    project, poetry = asked.get("project", {}), asked.get("tool", {}).get("poetry", {}).get("dependencies", {})
    if lock == "Pipfile.lock":
        locked = [{"name": name, **one} for name, one in held.get("default", {}).items()]
    else:
        locked = [one for one in held.get("package", []) if {"main", "default"} & set(one.get("groups", ["main"]))]
    yield from _wrong_paths(files, lock, _locked_paths(locked))

    versions: dict[str, list[str]] = defaultdict(list)
    for one in locked:
        versions[canonicalize_name(one["name"])].append(str(one.get("version", "")).removeprefix("=="))
    named = project.get("dependencies", [])
    wrong = list(_wrong_entries(files, source, named))
    yield from wrong
    # What another platform alone installs may be in no lock file. uv may be told to take a version that does not fit.
    is_overridden = "override-dependencies" in asked.get("tool", {}).get("uv", {})
    requirements = [] if wrong else [one for one in map(Requirement, named) if not one.marker]
    tables = asked.get("packages", {}) if lock == "Pipfile.lock" else poetry if lock == "poetry.lock" else {}
    requirements += [
        Requirement(name)
        for name, value in tables.items()
        if name != "python" and not {"markers", "platform", "python", "sys_platform"} & set(value)
    ]
    for requirement in requirements:
        found = versions[canonicalize_name(requirement.name)]
        fits = [
            one for one in found if is_overridden or not one or requirement.specifier.contains(one, prereleases=True)
        ]
        if not fits and canonicalize_name(requirement.name) != canonicalize_name(project.get("name", "")):
            has = f"has {' and '.join(found)}" if found else "does not have it"
            line = files.line(source, requirement.name)
            yield Problem(f"{requirement} is asked for, and {lock} {has}", f"Run {command}", source, line)


def _locked_paths(locked: Iterable[Json]) -> Iterator[str]:
    """Folders and files of the application's own that a lock file names."""
    only_developing = {
        name["name"] for one in locked for group in one.get("dev-dependencies", {}).values() for name in group
    } - {name["name"] for one in locked for name in one.get("dependencies", []) if isinstance(name, dict)}
    for one in locked:
        source = one.get("source", {})
        paths = [one.get(key) for key in ("path", "file")]
        paths += [source.get(key) for key in ("directory", "editable", "path", "virtual")]
        paths += [source["url"]] if source.get("type") in ("directory", "file") else []
        if one["name"] not in only_developing:
            yield from (path for path in paths if path and "://" not in path)


def _wrong_paths(files: _Files, name: str, paths: Iterable[str]) -> Iterator[Problem]:
    """Paths of a file that the build does not see."""
    for path in paths:
        if not files.has(path):
            remedy = "Move it into the folder, or name a release that is in an index"
            yield Problem(f"{path} {files.why_not(path)}", remedy, name, files.line(name, f'"{path}"'))


def _wrong_entries(files: _Files, name: str, entries: Iterable[str]) -> Iterator[Problem]:
    """Dependencies of [project] that are none."""
    for entry in entries:
        try:
            Requirement(entry)
        except InvalidRequirement as error:
            text = f"{entry} is no requirement: {str(error).splitlines()[0]}"
            yield Problem(text, "Correct it", name, files.line(name, entry))


def _wrong_callable(files: _Files, arguments: Mapping[str, str]) -> Iterator[Problem]:
    """What is wrong with the callable that is served."""
    given = {name: arguments[name] for name in ("WSGI_APP", "ASGI_APP") if arguments.get(name)}
    if len(given) == 2:
        yield Problem("image_build_args has WSGI_APP and ASGI_APP; an image serves one of them", "Leave one out")
        return
    variable, application = next(iter(given.items()), ("WSGI_APP", "app:app"))
    module, _, attribute = application.partition(":")
    named = f"image_build_args has {variable} {application}" if given else f"{variable} is {application} by default"
    if not all(part.isidentifier() for part in (*module.split("."), attribute.removesuffix("()"))):
        yield Problem(f"{named}, which names no callable", "Write module:callable, or module:factory()")
        return
    path = module.replace(".", "/")
    ends = (f"{path}.py", f"{path}/__init__.py")
    found = [root + end for root in ("", "src/") for end in ends if root + end in files.names]
    # The folder that a package is made from may be any, and is for its own tool to say.
    is_package = "build-system" in files.read("pyproject.toml")
    if not found and not (is_package and any(name.endswith(tuple(f"/{end}" for end in ends)) for name in files.names)):
        text = f"{named}, and image_source has neither {path}.py nor src/{path}.py"
        yield Problem(text, "Name the callable, as WSGI_APP or ASGI_APP of image_build_args")
    elif variable == "WSGI_APP":
        yield from _asgi_for_wsgi(files, found, attribute)


def _asgi_for_wsgi(files: _Files, names: Iterable[str], attribute: str) -> Iterator[Problem]:
    """An application of ASGI that is named as one of WSGI, as far as its module says so in one line."""
    for name in names:
        try:
            module = ast.parse((files.folder / name).read_bytes())
        except (SyntaxError, ValueError):
            continue
        for statement in module.body:
            if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call):
                called = ast.unparse(statement.value.func).rpartition(".")[2]
                targets = [target.id for target in statement.targets if isinstance(target, ast.Name)]
                if attribute in targets and called in _FRAMEWORKS_OF_ASGI:
                    text = f"{attribute} is made by {called}, which is served as ASGI, not as WSGI"
                    yield Problem(text, "Name it as ASGI_APP in image_build_args", name, statement.lineno)
