"""The container images that the emulator and its users need, and how a machine gets them.

Each folder here is the recipe of one image. The base images come from, in this order, the engine, which may have them
already; the public registry; a build from Debian packages. No registry has the machine image of EC2 instances and the
image that enforces security groups: they are built on the Python image, whichever way that came.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import ssl
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from slipway_emulator.acm.authority import COMMON_NAME

_HERE = Path(__file__).parent
_LABEL = "slipway.recipe"
_PULL_LIMIT_SECONDS = 180
_LOG_LINES = 15

PYTHON = "python:3.11-slim-bookworm"
POSTGRES = "postgres:15-alpine"
# What EC2 instances are made of.
MACHINE_IMAGE = "slipway-instance:1"
# What enforces security groups and routes.
NETWORK_IMAGE = "slipway-network:1"


class ImageError(Exception):
    """An image can neither be found, pulled nor built; the message says what to do."""


@dataclass(frozen=True)
class _Recipe:
    """How a base image is built from Debian packages.

    Attributes:
        folder: name of its folder here.
        image: name of the image.
        variant: of mmdebstrap.
        certificates: bundle of this machine's certificate authorities, where it is a part of the image.
    """

    folder: str
    image: str
    variant: str
    certificates: Path | None = None

    def hash(self) -> str:
        """One word for everything that the build depends on, but for the packages' versions.

        The emulator's own authority is left out: a machine trusts it from the emulator's first start on, and would
        build its images again after that.
        """
        return _hash(self.folder, _site_certificates(self.certificates) if self.certificates else b"")


_BASE_IMAGES = (
    # A site that intercepts TLS has a certificate of its own, and pip runs inside image builds.
    _Recipe("python", PYTHON, "apt", Path("/etc/ssl/certs/ca-certificates.crt")),
    _Recipe("postgres", POSTGRES, "essential"),
)
# Built on the Python image, by the folder that has the recipe.
_BUILT_IMAGES = {"instance": MACHINE_IMAGE, "network": NETWORK_IMAGE}


def ensure(logs: Path, *, rebuild: bool = False, only_check: bool = False) -> bool:
    """See to it that the engine has every image; says for each what was found and done.

    Args:
        logs: folder of the builds' logs, `<folder>-image.log`; made when missing, unless this only looks.
        rebuild: build again what was built here, with Debian's security updates.
        only_check: build and pull nothing.

    Returns:
        Whether the engine has them all.

    Raises:
        ImageError: one cannot be had.
    """
    if _run("docker", "version").returncode:
        raise ImageError("no Docker Engine answers; see that this user may use it: docker version")
    if not only_check:
        logs.mkdir(parents=True, exist_ok=True)
    complete = [_ensure_base_image(recipe, logs, rebuild, only_check) for recipe in _BASE_IMAGES]
    built = [_ensure_built_image(name, image, logs, rebuild, only_check) for name, image in _BUILT_IMAGES.items()]
    return all([*complete, *built])


def _ensure_base_image(recipe: _Recipe, logs: Path, rebuild: bool, only_check: bool) -> bool:
    present, built_by = _fact(recipe.image, f'{{{{index .Config.Labels "{_LABEL}"}}}}')
    if present and (not built_by or (built_by == recipe.hash() and not rebuild)):
        _say("found", recipe.image, f"built here, recipe {built_by}" if built_by else "")
        return True
    if only_check:
        todo = "its recipe changed: will be built again" if built_by else "will be pulled, or built where it cannot be"
        _say("MISSING", recipe.image, todo)
        return False
    if not built_by and _pull(recipe.image):
        _say("ready", recipe.image, "pulled")
    else:
        _build_base_image(recipe, logs / f"{recipe.folder}-image.log")
    return True


def _pull(image: str) -> bool:
    try:
        return _run("docker", "pull", "--quiet", image, timeout=_PULL_LIMIT_SECONDS).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def _build_base_image(recipe: _Recipe, log: Path) -> None:
    sources = _package_sources(recipe.image)
    _ensure_mmdebstrap(recipe.image, log.parent / "apt.log")
    started = time.monotonic()
    _say("build", recipe.image, f"from Debian packages ({' '.join(sources)}), about half a minute (log: {log})")
    _, replaced = _fact(recipe.image, "{{.Id}}")
    folder = _HERE / recipe.folder
    with tempfile.TemporaryDirectory() as work:
        context = Path(work) / "context"
        context.mkdir()
        shutil.copy(folder / "Dockerfile", context)
        # Proxies, certificates and the like of the machine's own apt; mmdebstrap would leave them out.
        settings = re.findall("^Acquire::(?:https?::|Check-Valid-Until|Check-Date).*$", _apt_settings(), re.MULTILINE)
        (Path(work) / "apt.conf").write_text("".join(f"{line}\n" for line in settings))
        tree = [
            "mmdebstrap",
            f"--variant={recipe.variant}",
            "--format=tar",
            f"--aptopt={work}/apt.conf",
            # These hooks keep Debian's usrmerge, and with it the whole of Perl, out.
            "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
            f"--include={','.join((folder / 'packages').read_text().split())}",
            *(f"--dpkgopt=path-exclude=/usr/share/{unused}/*" for unused in ("doc", "man", "locale", "lintian")),
            f"--customize-hook={folder / 'customize'}",
            "bookworm",
            str(context / "rootfs.tar"),
            *sources,
        ]
        image = ["docker", "build", "--label", f"{_LABEL}={recipe.hash()}", "--tag", recipe.image, str(context)]
        _build(recipe.image, [tree, image], log)
    # The replaced image goes, unless a container, an image or a name still needs it.
    if replaced and _fact(replaced, "{{len .RepoTags}}") == (True, "0"):
        _run("docker", "rmi", replaced)
    _say("ready", recipe.image, f"built in {time.monotonic() - started:.0f} s")


def _package_sources(image: str) -> list[str]:
    """The files of apt's configuration that name Debian bookworm's main component."""
    if os.environ.get("SLIPWAY_APT_SOURCES"):
        return [os.environ["SLIPWAY_APT_SOURCES"]]
    sources: set[str] = set()
    if shutil.which("apt-get"):
        form = "$(RELEASE) $(COMPONENT) $(SOURCESENTRY)"
        listing = _run("apt-get", "indextargets", "--format", form, "Identifier: Packages").stdout
        sources = set(re.findall("^bookworm[a-z-]* main (.*):[0-9]*$", listing, re.MULTILINE))
    if not sources:
        raise ImageError(
            f"{image} can neither be pulled nor built. The engine reaches no registry that has it, and this machine's "
            f"apt sources do not hold Debian bookworm. Let the engine reach a registry (docker pull {image}), or name "
            "an apt sources file of Debian bookworm by the variable SLIPWAY_APT_SOURCES"
        )
    return sorted(sources)


def _apt_settings() -> str:
    return _run("apt-config", "dump").stdout if shutil.which("apt-config") else ""


def _ensure_mmdebstrap(image: str, log: Path) -> None:
    if shutil.which("mmdebstrap"):
        return
    install = "apt-get update && apt-get install --yes --no-install-recommends mmdebstrap"
    if os.geteuid() or not shutil.which("apt-get"):
        raise ImageError(f"{image} cannot be built without mmdebstrap. Run: sudo sh -c '{install}'")
    _say("install", "packages", f"mmdebstrap (log: {log})")
    with log.open("w") as file:
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        result = subprocess.run(
            ["sh", "-c", install],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            check=False,
        )
    if result.returncode:
        raise ImageError(f"apt-get could not install mmdebstrap. The end of {log}:\n{_tail(log)}")


def _ensure_built_image(folder: str, image: str, logs: Path, rebuild: bool, only_check: bool) -> bool:
    _, base = _fact(PYTHON, "{{.Id}}")
    recipe = f"{_hash(folder)}-{base.removeprefix('sha256:')[:16]}"
    present, built_by = _fact(image, f'{{{{index .Config.Labels "{_LABEL}"}}}}')
    if present and built_by == recipe and not rebuild:
        _say("found", image, f"built here, recipe {recipe}")
        return True
    if only_check:
        _say("MISSING", image, "will be built")
        return False
    log, started = logs / f"{folder}-image.log", time.monotonic()
    _say("build", image, f"on {PYTHON} (log: {log})")
    command = ["docker", "build", "--label", f"{_LABEL}={recipe}", "--tag", image, str(_HERE / folder)]
    _build(image, [command], log)
    _say("ready", image, f"built in {time.monotonic() - started:.0f} s")
    return True


def _build(image: str, commands: list[list[str]], log: Path) -> None:
    with log.open("w") as file:
        for command in commands:
            result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, check=False)
            if result.returncode:
                raise ImageError(f"building {image} failed. The end of {log}:\n{_tail(log)}")


def _site_certificates(bundle: Path) -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(bundle)
    facts = (repr(sorted(one.items())) for one in context.get_ca_certs())
    return "".join(sorted(one for one in facts if COMMON_NAME not in one)).encode()


def _hash(folder: str, more: bytes = b"") -> str:
    # Python leaves a folder of its own beside the programs of an installed package.
    sources = sorted(path for path in (_HERE / folder).iterdir() if path.is_file())
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources) + more).hexdigest()[:16]


def _fact(image: str, template: str) -> tuple[bool, str]:
    """Whether the engine has an image, and what a template of Go says of it."""
    result = _run("docker", "image", "inspect", "--format", template, image)
    return result.returncode == 0, result.stdout.strip()


def _run(*command: str, timeout: float | None = None) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=timeout
        )
    except FileNotFoundError:
        raise ImageError(f"the command {command[0]} is missing; install it, as your system calls its package") from None


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-_LOG_LINES:])


def _say(state: str, subject: str, text: str) -> None:
    print(f"{state:<8} {subject:<26} {text}".rstrip(), flush=True)
