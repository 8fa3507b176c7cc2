"""What keeps a folder from being built without a Dockerfile of its own, and with which Python it is built."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from images.python import install
from plugins.plugin_utils import python_project
from plugins.plugin_utils.image_source import image_source

APPLICATIONS = Path(__file__).parents[1] / "contract/applications"
FLASK = {"app.py": "app = 1\n"}


def write(folder: Path, files: dict[str, str]) -> None:
    """Write files, by name."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def found(folder: Path, **arguments: str) -> list[str]:
    """What is wrong, as file, line, problem and remedy."""
    source = image_source(
        {"source": folder, "dockerfile": "", "build_args": arguments, "platform": "", "added_files": {}}
    )
    assert source.dockerfile == python_project.DOCKERFILE
    problems = python_project.problems(source.context, source.files(), source.arguments)
    return [f"{one.file}:{one.line or ''}: {one.what}. {one.remedy}" for one in problems]


@pytest.mark.parametrize("name", sorted(path.name for path in APPLICATIONS.iterdir()))
def test_applications_that_are_built_are_right(name: str) -> None:
    callable_ = {"uv": {"ASGI_APP": "guests.main:app"}, "poetry": {"WSGI_APP": "guests:app"}}
    assert found(APPLICATIONS / name, **callable_.get(name, {})) == []


@pytest.mark.parametrize(
    ("files", "problems"),
    [
        # Nothing, or nothing that counts.
        ({}, [r":: nothing names the dependencies: .*\. Write one of them, .*"]),
        (
            {"pyproject.toml": "[tool.ruff]\n", "requirements.txt": "", ".dockerignore": "*.txt\n"},
            [r":: nothing names .* with \[project\]; \.dockerignore leaves out requirements\.txt\. .*"],
        ),
        ({"Pipfile": "[packages]\n"}, [r"Pipfile:: Pipfile\.lock, .* is not there\. Run pipenv lock, .*"]),
        (
            {
                "pyproject.toml": "[tool.poetry.dependencies]\nflask = '*'\n",
                "poetry.lock": "",
                ".dockerignore": "*.lock",
            },
            [r"pyproject\.toml:: poetry\.lock, .* is left out by \.dockerignore\. Run poetry lock, .*"],
        ),
        (
            {"uv.lock": "version = 1\n"},
            [r"uv\.lock:: pyproject\.toml, .* is not there\. Keep pyproject\.toml beside it"],
        ),
        ({"requirements.txt": "flask\n"}, []),
        ({"requirements.txt": "flask\n", "Pipfile": "[packages]\nwerkzeug = '*'\n"}, []),
        # requirements.txt.
        (
            {"requirements.txt": "flask\n\n-r missing.txt\n"},
            [r"requirements\.txt:3: missing\.txt is not there\. Put it into the folder, or take the line out"],
        ),
        (
            {"requirements.txt": "-r in/a.txt\n", "in/a.txt": "-c b.txt\n", "in/b.txt": "six\n-r ../../c.txt\n"},
            [r"in/b\.txt:2: \.\./\.\./c\.txt is not in the application's folder, .*"],
        ),
        (
            {"requirements.txt": "-r in/a.txt\n", "in/a.txt": "six\n", ".dockerignore": "in\n"},
            [r"requirements\.txt:1: in/a\.txt is left out by \.dockerignore\. .*"],
        ),
        ({"requirements.txt": "-r a.txt\n", "a.txt": "-r requirements.txt\n"}, []),
        (
            {"requirements.txt": "six\n-e ../elsewhere\n./gone\n-e .\n-e git+https://example.org/a#egg=a\n"},
            [
                r"requirements\.txt:2: \.\./elsewhere is not in the .*",
                r"requirements\.txt:3: \./gone is not there\. .*",
            ],
        ),
        ({"requirements.txt": "./lib[extra]\n--find-links wheels\n", "lib/setup.py": "", "wheels/x.whl": ""}, []),
        ({"requirements.txt": "--find-links gone\n"}, [r"requirements\.txt:1: gone is not there\. .*"]),
        ({"requirements.txt": "six\nthis is bad\n"}, [r"requirements\.txt:2: this is bad is no requirement: .*"]),
        (
            {"requirements.txt": "a @ git+ssh://git@example.org/a\n"},
            [r"requirements\.txt:1: .* needs a key of SSH, .*"],
        ),
        (
            {"requirements.txt": f"a==1 --hash=sha256:{'1' * 64}\nb==1\n-c c.txt\n", "c.txt": "a<2\n"},
            [r"requirements\.txt:2: b==1 has no hash, and others have one: .*"],
        ),
        # Lock files.
        (
            {"pyproject.toml": "[project]\nname = 'shop'\n", "uv.lock": "version = 1\n[[package]\n"},
            [r"uv\.lock:2: it cannot be read: .*\. Correct it"],
        ),
        (
            {
                "pyproject.toml": "[project]\ndependencies = [\n'flask>=3',\n'six',\n\"x; os_name=='nt'\"]\n",
                "uv.lock": '[[package]]\nname = "flask"\nversion = "2.0"\n',
            },
            [
                r"pyproject\.toml:3: flask>=3 is asked for, and uv\.lock has 2\.0\. Run uv lock",
                r"pyproject\.toml:4: six is asked for, and uv\.lock does not have it\. Run uv lock",
            ],
        ),
        (
            {
                "pyproject.toml": "[tool.poetry.dependencies]\npython = '^3.11'\nFlask = '^3'\n",
                "poetry.lock": '[[package]]\nname = "flask"\nversion = "3.0"\ngroups = ["dev"]\n',
            },
            [r"pyproject\.toml:3: Flask is asked for, and poetry\.lock does not have it\. Run poetry lock"],
        ),
        (
            {"Pipfile": "[packages]\nflask = '*'\n", "Pipfile.lock": '{"default": {}, "develop": {"flask": {}}}'},
            [r"Pipfile:2: flask is asked for, and Pipfile\.lock does not have it\. Run pipenv lock"],
        ),
        (
            {
                "pyproject.toml": "[project]\nname = 'shop'\n",
                "uv.lock": '[[package]]\nname = "a"\nsource = { editable = "../a" }\n[[package]]\nname = "shop"\n'
                'source = { editable = "." }\n',
            },
            [r"uv\.lock:3: \.\./a is not in the application's folder, .*"],
        ),
        (
            {
                "pyproject.toml": "[project]\nname = 'shop'\n",
                "uv.lock": '[[package]]\nname = "a"\nsource = { editable = "../a" }\n[[package]]\nname = "shop"\n'
                'source = { virtual = "." }\n[package.dev-dependencies]\ndev = [{ name = "a" }]\n',
            },
            [],
        ),
        (
            {"Pipfile": "", "Pipfile.lock": '{"default": {"a": {"path": "../a"}}}'},
            [r"Pipfile\.lock:1: \.\./a is not in .*"],
        ),
        # pyproject.toml alone.
        ({"pyproject.toml": "[project]\nname = 'shop'\ndependencies = ['flask']\n"}, []),
        (
            {"pyproject.toml": "[project]\ndependencies = ['not a one']\n[tool.uv.sources]\na = { path = \"../a\" }\n"},
            [r"pyproject\.toml:2: not a one is no requirement: .*", r"pyproject\.toml:4: \.\./a is not in the .*"],
        ),
        (
            {"requirements.txt": "", "pyproject.toml": "[project\n"},
            [r"pyproject\.toml:1: it cannot be read: .*"],
        ),
    ],
)
def test_dependencies(tmp_path: Path, files: dict[str, str], problems: list[str]) -> None:
    write(tmp_path, FLASK | files)
    wrong = found(tmp_path)
    assert len(wrong) == len(problems), wrong
    for line, problem in zip(wrong, problems, strict=True):
        assert re.fullmatch(problem, line), line


def test_a_lock_file_is_older_than_what_it_is_made_from(tmp_path: Path) -> None:
    """Of an application that is right, a dependency more."""
    for name in ("uv", "poetry", "pdm", "pipenv"):
        shutil.copytree(APPLICATIONS / name, tmp_path / name)
        source = tmp_path / name / ("Pipfile" if name == "pipenv" else "pyproject.toml")
        text = source.read_text()
        for before, after in (
            ('= ["', '= ["rich", "'),
            ("[packages]", '[packages]\nrich = "*"'),
            ("itsdangerous =", 'rich = "*"\nitsdangerous ='),
        ):
            if before in text:
                source.write_text(text.replace(before, after, 1))
        arguments = {"uv": {"ASGI_APP": "guests.main:app"}, "poetry": {"WSGI_APP": "guests:app"}}.get(name, {})
        (line,) = found(tmp_path / name, **arguments)
        assert "rich is asked for, and" in line, line


@pytest.mark.parametrize(
    ("files", "arguments", "problem"),
    [
        ({"app.py": ""}, {}, ""),
        ({}, {}, r"WSGI_APP is app:app by default, and image_source has neither app\.py nor src/app\.py\. Name the .*"),
        ({"shop/web.py": ""}, {"WSGI_APP": "shop.web:create_app()"}, ""),
        ({"src/shop/web/__init__.py": ""}, {"WSGI_APP": "shop.web:app"}, ""),
        (
            {"shop/__init__.py": ""},
            {"ASGI_APP": "shop.web:app"},
            r"image_build_args has ASGI_APP shop\.web:app, and .*",
        ),
        (
            {"shop.py": "", ".dockerignore": "shop.py"},
            {"WSGI_APP": "shop:app"},
            r"image_build_args has WSGI_APP shop:app, .*",
        ),
        ({"lib/shop.py": "", "pyproject.toml": "[build-system]"}, {"WSGI_APP": "shop:app"}, ""),
        (
            {"lib/shop.py": "", "pyproject.toml": ""},
            {"WSGI_APP": "shop:app"},
            r".* neither shop\.py nor src/shop\.py\. .*",
        ),
        (
            {"shop.py": ""},
            {"WSGI_APP": "shop.py"},
            r".* WSGI_APP shop\.py, which names no callable\. Write module:callable.*",
        ),
        ({"app.py": ""}, {"WSGI_APP": "app:app", "ASGI_APP": "app:app"}, r".* has WSGI_APP and ASGI_APP; .*"),
        (
            {"app.py": "import fastapi\napp = fastapi.FastAPI()\n"},
            {},
            r"app is made by FastAPI, .*\. Name it as ASGI_APP .*",
        ),
        ({"app.py": "app = FastAPI()\n"}, {"ASGI_APP": "app:app"}, ""),
    ],
)
def test_callable(tmp_path: Path, files: dict[str, str], arguments: dict[str, str], problem: str) -> None:
    write(tmp_path, {"requirements.txt": ""} | files)
    wrong = [line.split(": ", 1)[1] for line in found(tmp_path, **arguments)]
    assert len(wrong) == bool(problem), wrong
    assert not problem or re.fullmatch(problem, wrong[0]), wrong


@pytest.mark.parametrize(
    ("files", "version"),
    [
        ({}, None),
        ({".python-version": "# ours\n3.12.4\n"}, "3.12"),
        ({".python-version": "pypy3.10\n"}, None),
        ({"pyproject.toml": "[project]\nrequires-python = '>=3.9'\n"}, "3.11"),
        ({"pyproject.toml": "[project]\nrequires-python = '>=3.12'\n"}, "3.12"),
        ({"pyproject.toml": "[project]\nrequires-python = '<3.11,>=3.8'\n"}, "3.10"),
        ({"pyproject.toml": "[project]\nrequires-python = '==3.12.4'\n"}, "3.12.4"),
        ({"pyproject.toml": "[project]\nrequires-python = '~=3.13.1'\n"}, "3.13"),
        ({"pyproject.toml": "[project]\nrequires-python = '>=3.12'\n", ".python-version": "3.13\n"}, "3.13"),
        ({"pyproject.toml": "[tool.poetry.dependencies]\npython = '^3.12'\n"}, "3.12"),
        ({"pyproject.toml": "[tool.poetry.dependencies]\npython = '~3.10'\n"}, "3.10"),
        ({"pyproject.toml": "[tool.poetry.dependencies]\npython = '>=3.12,<4.0'\n"}, "3.12"),
        ({"Pipfile": "[requires]\npython_version = '3.13'\n"}, "3.13"),
        ({"Pipfile": "[requires]\npython_version = '3.13'\npython_full_version = '3.13.2'\n"}, "3.13.2"),
    ],
)
def test_python_that_is_asked_for_is_the_image(tmp_path: Path, files: dict[str, str], version: str | None) -> None:
    write(tmp_path, FLASK | {"requirements.txt": ""} | files)
    image = None if version is None else f"python:{version}-slim-bookworm"
    source = image_source(
        {"source": tmp_path, "dockerfile": "", "build_args": {"X": 1}, "platform": "", "added_files": {}}
    )
    assert source.arguments == {"X": "1"} | ({"PYTHON_IMAGE": image} if image else {})
    assert source.base_images() == [image or "python:3.11-slim-bookworm"]
    assert found(tmp_path) == []


def test_python_of_the_inventory_goes_first(tmp_path: Path) -> None:
    write(tmp_path, FLASK | {"requirements.txt": "", "pyproject.toml": "[project]\nrequires-python = '>=3.12'\n"})
    wanted = {"PYTHON_IMAGE": "registry.example.org/python:3.13.1-slim"}
    source = image_source(
        {"source": tmp_path, "dockerfile": "", "build_args": wanted, "platform": "", "added_files": {}}
    )
    assert source.arguments == wanted
    assert found(tmp_path, **wanted) == []
    # Of an image of some other name, nothing is known.
    assert found(tmp_path, PYTHON_IMAGE="base:1") == []
    assert found(tmp_path, PYTHON_IMAGE="python:3.11") == [
        "pyproject.toml:2: it asks for Python >=3.12, and PYTHON_IMAGE in image_build_args is python:3.11. "
        "Change either, or leave PYTHON_IMAGE out"
    ]


def test_pythons_that_exclude_each_other(tmp_path: Path) -> None:
    pyproject = "[project]\nrequires-python = '<3.12'\n"
    write(tmp_path, FLASK | {"requirements.txt": "", ".python-version": "3.12", "pyproject.toml": pyproject})
    assert found(tmp_path) == [
        ":: no Python is what the application asks for: .python-version asks for 3.12 and pyproject.toml asks for "
        "<3.12. Correct .python-version or pyproject.toml"
    ]


def test_dockerfile_of_the_folder_goes_first(tmp_path: Path) -> None:
    write(tmp_path, {".python-version": "3.12", "Dockerfile": "FROM scratch\n"})
    source = image_source({"source": tmp_path, "dockerfile": "", "build_args": {}, "platform": "", "added_files": {}})
    assert (source.dockerfile, source.arguments) == (tmp_path / "Dockerfile", {})


@pytest.mark.parametrize(
    "line",
    [
        "-e .",
        "--editable=./lib",
        ".",
        "./lib",
        "lib/thing.whl",
        "/opt/app/lib",
        "-r more.pip",
        "-c more",
        "--find-links x",
        "thing @ file:///opt/app/lib",
        'thing = { path = "lib" }',
        'dynamic = ["dependencies"]',
    ],
)
def test_what_is_of_the_application_waits_for_its_code(line: str) -> None:
    """Docker keeps the layer with the dependencies only where they do not follow from code."""
    assert install.OF_ITS_OWN.search(f"flask\n{line}\n")


@pytest.mark.parametrize(
    "line",
    [
        "flask==3",
        f"flask==3 \\\n    --hash=sha256:{'1' * 64}",
        "-r more/base.txt",
        "-c base.in",
        "--requirement=base.txt",
        "a @ git+https://example.org/a.git@1",
        "--index-url https://example.org/simple",
        "# a comment",
    ],
)
def test_what_is_not_does_not_wait(line: str) -> None:
    assert not install.OF_ITS_OWN.search(f"flask\n{line}\n")
