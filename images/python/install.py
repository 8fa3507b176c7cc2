"""Installs what an application needs into /opt/venv: python3 install.py dependencies|application.

Both steps do the same work. The first one sees only the files that name dependencies, so Docker keeps its layer while
nothing but code changes; the second one sees the whole folder and adds what is left, as a rule the application itself.
images/python/Dockerfile has the same lines; tests/contract/test_server.py says how they get there.
"""

import importlib.util
import os
import py_compile
import re
import shutil
import subprocess
import sys
from pathlib import Path

FILES = ("uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "requirements.txt", "pyproject.toml")
"""What may name the dependencies; of those that are there, the first one does."""

UV = "uv==0.13.9"
EXPORTS = {
    "poetry.lock": (["poetry==2.5.1", "poetry-plugin-export==1.10.1"], ["poetry", "export", "--only=main"]),
    "pdm.lock": (["pdm==2.29.4", "hishel<2"], ["pdm", "export", "--prod"]),
    "Pipfile.lock": (["pipenv==2026.10.3"], ["pipenv", "requirements", "--hash"]),
}
"""What a lock file is read with, and the command that prints it as requirements."""
SERVERS = {"uvicorn": "uvicorn==0.54.0", "waitress": "waitress==3.0.2"}
VENV = Path("/opt/venv")
TOOLS = Path("/build/bin")
EXPORTED = Path("/build/requirements.txt")
PIP = [f"{TOOLS}/pip", f"--python={VENV}/bin/python3", "install", "--quiet", "--no-compile"]
# A dependency that is a folder or a file of the application's own, or that follows from its code.
OF_ITS_OWN = re.compile(
    r"^\s*(-e|--editable|-f|--find-links|\.|/|[\w-]+/)|file:|\bpath *=|^dynamic"
    r"|^(-r|-c|--requirement|--constraint)[ =]*(?![ =]|\S+\.(txt|in)\s*$)",
    re.MULTILINE,
)
IN_GIT = re.compile(r"git\+|\bgit *=")


def run(*command: str, unless: str = "") -> str:
    """Run a command for the environment of the application; return what it prints to standard output.

    Args:
        command: program and arguments.
        unless: what it may end with; any other failure ends the build.
    """
    environment = {
        **os.environ,
        "PDM_IGNORE_SAVED_PYTHON": "1",
        "UV_PROJECT_ENVIRONMENT": str(VENV),
        "UV_PYTHON": f"{VENV}/bin/python3",
        "UV_PYTHON_DOWNLOADS": "never",
        "VIRTUAL_ENV": str(VENV),
    }
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    sys.stderr.write(ended.stderr)
    if ended.returncode and not (unless and unless in ended.stderr):
        sys.exit(f"{ended.stdout}{' '.join(command)} ended with {ended.returncode}")
    return ended.stdout


def uv(*arguments: str, unless: str = "") -> None:
    if not (TOOLS / "uv").exists():
        run(f"{TOOLS}/pip", "install", "--quiet", UV)
    run(f"{TOOLS}/uv", *arguments, unless=unless)


def requirements(named_in: str) -> str:
    """What a file names, in the words of pip as far as there are any."""
    if named_in in EXPORTS:
        packages, (program, *arguments) = EXPORTS[named_in]
        if not EXPORTED.exists():
            uv("pip", "install", "--quiet", f"--python={TOOLS}/python3", *packages)
            EXPORTED.write_text(run(f"{TOOLS}/{program}", *arguments))
        return EXPORTED.read_text()
    others = Path().rglob("*.txt") if named_in == "requirements.txt" else []
    return "\n".join(file.read_text(errors="replace") for file in [Path(named_in), *others])


def install(named_in: str, is_whole: bool) -> None:
    """Install what a file names.

    Args:
        named_in: one of FILES.
        is_whole: whether the code of the application is there.
    """
    if named_in == "requirements.txt":
        run(*PIP, "--requirement=requirements.txt")
        return
    if named_in == "uv.lock":
        uv("sync", "--frozen", "--inexact", "--no-default-groups", *([] if is_whole else ["--no-install-local"]))
        return
    if named_in == "pyproject.toml":
        uv("pip", "install", "--requirements=pyproject.toml")
    else:
        # The lock file and its hashes say what comes from where.
        uv("pip", "install", "--no-deps", "--index-strategy=unsafe-best-match", f"--requirements={EXPORTED}")
    project = Path("pyproject.toml").read_text() if Path("pyproject.toml").is_file() else ""
    not_a_package = re.search(r"^(package-mode|distribution) *= *false", project, re.MULTILINE)
    if is_whole and "[build-system]" in project and named_in != "Pipfile.lock" and not not_a_package:
        # Poetry has projects that are packages by their file alone, and installs their dependencies all the same.
        uv("pip", "install", "--no-deps", "--editable=.", unless="No file/folder found for package")


def main() -> None:
    """Install, and compile what was installed."""
    is_whole = sys.argv[1] == "application"
    named_in = next((name for name in FILES if Path(name).is_file()), None)
    if not named_in:
        sys.exit(f"the folder has none of {', '.join(FILES)}")
    named = requirements(named_in)
    if OF_ITS_OWN.search(named) and not is_whole and named_in != "uv.lock":
        return
    if IN_GIT.search(named) and not shutil.which("git"):
        run("apt-get", "update", "--quiet")
        run("apt-get", "install", "--yes", "--no-install-recommends", "git")
    install(named_in, is_whole)
    # The server is ours where the application names none; a version that it names wins.
    server = "uvicorn" if os.environ.get("ASGI_APP") else "waitress"
    if not any(VENV.glob(f"lib/python3*/site-packages/{server}")):
        run(*PIP, SERVERS[server])
    # uv notes when it saw a folder that it installed from.
    for noted in VENV.rglob("uv_cache.json"):
        noted.unlink()
        record = noted.with_name("RECORD")
        lines = record.read_text().splitlines(keepends=True)
        record.write_text("".join(line for line in lines if noted.name not in line))
    for source in VENV.rglob("*.py"):
        if not Path(importlib.util.cache_from_source(str(source))).exists():
            # Some packages have files for another version of Python, which are not compiled.
            py_compile.compile(str(source), quiet=2, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)


if __name__ == "__main__":
    main()
