"""The base images offer what the official ones do, whether they were pulled or built here."""

import contextlib
import functools
import importlib
import re
import ssl
import subprocess
import sys
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import psycopg.conninfo
import pytest

from slipway_emulator import images
from slipway_emulator.acm.authority import COMMON_NAME, Authority
from slipway_emulator.images import MACHINE_IMAGE, NETWORK_IMAGE, POSTGRES, PYTHON

PROGRAM = [sys.executable, "-m", "slipway_emulator", "images"]
INSTANCE = MACHINE_IMAGE
PASSWORD = 'it\'s a $strange% "pass\\word"'

StartPostgres = Callable[..., str]


def docker(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run one docker command and return what it printed."""
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=check)


def in_python(*command: str, options: tuple[str, ...] = ()) -> str:
    """Run a command in a fresh container of the Python image, without a network."""
    return docker("run", "--rm", "--network", "none", *options, PYTHON, *command).stdout.strip()


def image_fact(image: str, template: str) -> str:
    """Return one fact of an image's configuration, by a Go template."""
    return docker("image", "inspect", "--format", template, image).stdout.strip()


def logs(container: str) -> str:
    """Return everything a container has written so far."""
    result = docker("logs", container)
    return result.stdout + result.stderr


def connect(container: str, **options: str) -> psycopg.Connection[tuple[object, ...]]:
    """Connect to a container's published port, waiting up to 30 s for PostgreSQL to be up."""
    port = docker("port", container, "5432/tcp").stdout.splitlines()[0].rsplit(":", 1)[1]
    settings = {
        "host": "127.0.0.1",
        "port": port,
        "user": "postgres",
        "password": PASSWORD,
        "dbname": "postgres",
    }
    conninfo = psycopg.conninfo.make_conninfo("", **(settings | options))
    deadline = time.monotonic() + 30
    while True:
        try:
            return psycopg.connect(conninfo, autocommit=True)
        except psycopg.OperationalError as error:
            starting = "closed the connection" in str(error) or "starting up" in str(error)
            if not starting or time.monotonic() > deadline:
                error.add_note(logs(container))
                raise
            time.sleep(0.2)


def value(connection: psycopg.Connection[tuple[object, ...]], query: str) -> object:
    """Return the single value of a query."""
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


@pytest.fixture
def start_postgres() -> Iterator[StartPostgres]:
    """A function that starts a PostgreSQL container from docker-run options and a command."""
    with contextlib.ExitStack() as stack:

        def start(*options: str, command: tuple[str, ...] = (), password: str | None = PASSWORD) -> str:
            name = f"slipway-test-{uuid.uuid4().hex[:12]}"
            secret = () if password is None else ("--env", f"POSTGRES_PASSWORD={password}")
            stack.callback(docker, "rm", "--force", "--volumes", name, check=False)
            docker("run", "--detach", "--name", name, "--publish", "127.0.0.1::5432", *secret, *options,
                   POSTGRES, *command)  # fmt: skip
            return name

        yield start


# --- slipway-emulator images ----------------------------------------------------------------------------


def test_second_run_finds_the_images_and_leaves_them_alone() -> None:
    """Nothing is built or pulled when the engine has what it needs."""
    images = [PYTHON, POSTGRES, INSTANCE, NETWORK_IMAGE]
    before = [image_fact(image, "{{.Id}}") for image in images]
    started = time.monotonic()
    output = subprocess.run(PROGRAM, capture_output=True, text=True, check=True).stdout
    assert time.monotonic() - started < 5
    assert [line.split()[:2] for line in output.splitlines()] == [["found", image] for image in images]
    assert [image_fact(image, "{{.Id}}") for image in images] == before


def test_unknown_argument_is_refused() -> None:
    """A mistyped option does not start a build."""
    result = subprocess.run([*PROGRAM, "--rebuidl"], check=False, capture_output=True, text=True)
    assert result.returncode == 2
    assert "unrecognized arguments: --rebuidl" in result.stderr
    assert "usage: slipway-emulator" in result.stderr


def test_recipe_does_not_change_when_the_emulators_authority_is_trusted(tmp_path: Path) -> None:
    """Else the images would be built again after the first start, and every application with them."""
    site, both = tmp_path / "site.crt", tmp_path / "both.crt"
    site.write_bytes(Path("/etc/ssl/certs/ca-certificates.crt").read_bytes())
    authority = Authority(tmp_path / "authority").certificate_file.read_bytes()
    both.write_bytes(site.read_bytes() + authority)
    recipe = functools.partial(images._Recipe, "python", PYTHON, "apt")
    assert recipe(site).hash() == recipe(both).hash()
    _, _, rest = site.read_text().partition("-----END CERTIFICATE-----\n")
    site.write_text(rest)
    assert recipe(site).hash() != recipe(both).hash()


# --- Python ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["python", "python3"])
def test_python_is_3_11(name: str) -> None:
    """Both names of the interpreter are on PATH."""
    assert in_python(name, "--version").startswith("Python 3.11.")


def test_python_is_what_the_image_runs() -> None:
    """The command and locale are the official image's."""
    assert image_fact(PYTHON, "{{json .Config.Cmd}}") == '["python3"]'
    assert "LANG=C.UTF-8" in image_fact(PYTHON, "{{json .Config.Env}}")


def test_pip_installs_where_the_official_image_does() -> None:
    """Dockerfiles copy this directory from one stage to the next."""
    assert "/usr/local/lib/python3.11/site-packages/pip" in in_python("pip", "--version")


def test_pip_may_install_outside_a_virtual_environment(tmp_path: Path) -> None:
    """Debian's own Python refuses that, and puts what goes under a prefix elsewhere."""
    tmp_path.chmod(0o755)
    with zipfile.ZipFile(tmp_path / "probe-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("probe.py", "")
        wheel.writestr("probe-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: probe\nVersion: 1\n")
        wheel.writestr("probe-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("probe-1.dist-info/RECORD", "")
    script = (
        "pip install --quiet --no-index /wheels/*.whl && python -c 'import probe'"
        " && pip install --quiet --no-index --ignore-installed --prefix=/p /wheels/*.whl"
        " && pip install --quiet --no-index --ignore-installed --user /wheels/*.whl"
        " && ls /usr/local/lib/python3.11/site-packages/probe.py /p/lib/python3.11/site-packages/probe.py"
        " /root/.local/lib/python3.11/site-packages/probe.py"
    )
    in_python("sh", "-c", script, options=("--volume", f"{tmp_path}:/wheels:ro"))


def test_venv_has_pip() -> None:
    """A multi-stage build makes its virtual environment with this."""
    script = "python3 -m venv /v && /v/bin/pip --version && /v/bin/python -c 'import sys; print(sys.prefix)'"
    assert in_python("sh", "-c", script).endswith("/v")


def test_standard_library_is_whole() -> None:
    """Modules that Debian keeps in packages of their own."""
    in_python("python", "-c", "import bz2, ctypes, distutils.core, lzma, sqlite3, ssl, venv, zoneinfo\n"
              "zoneinfo.ZoneInfo('Europe/Paris')")  # fmt: skip


def test_certificates_of_this_machine_are_trusted() -> None:
    """A site that intercepts TLS has a CA of its own, and pip runs inside image builds."""
    if not image_fact(PYTHON, '{{index .Config.Labels "slipway.recipe"}}'):
        pytest.skip("the image was pulled: it trusts what its makers chose")
    pattern = re.compile("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
    bundle = "/etc/ssl/certs/ca-certificates.crt"
    ours = set(pattern.findall(Path(bundle).read_text(encoding="ascii", errors="ignore")))
    # The emulator's own authority is trusted from its first start on, which may be after the images were built.
    ours -= {one for one in ours if COMMON_NAME.encode() in ssl.PEM_cert_to_DER_cert(one)}
    assert ours <= set(pattern.findall(in_python("cat", bundle)))


def test_python_image_carries_no_documentation_or_package_lists() -> None:
    """What an image does not need, it does not hold."""
    assert in_python("sh", "-c", "find /usr/share/man /usr/share/doc /var/lib/apt/lists /var/cache/apt/archives"
                     " -type f -not -name copyright -not -name lock -size +4k 2>/dev/null || true") == ""  # fmt: skip
    assert int(image_fact(PYTHON, "{{.Size}}")) < 160_000_000


# --- PostgreSQL -----------------------------------------------------------------------------------------


def test_postgres_declares_the_official_interface() -> None:
    """What callers of the image rely on without asking."""
    assert image_fact(POSTGRES, "{{json .Config.Entrypoint}}") == '["docker-entrypoint.sh"]'
    assert image_fact(POSTGRES, "{{json .Config.Cmd}}") == '["postgres"]'
    assert image_fact(POSTGRES, "{{.Config.StopSignal}}") == "SIGINT"
    assert image_fact(POSTGRES, "{{json .Config.ExposedPorts}}") == '{"5432/tcp":{}}'
    assert image_fact(POSTGRES, "{{json .Config.Volumes}}") == '{"/var/lib/postgresql/data":{}}'
    assert "PGDATA=/var/lib/postgresql/data" in image_fact(POSTGRES, "{{json .Config.Env}}")


def test_postgres_makes_user_and_database_on_a_tmpfs(start_postgres: StartPostgres) -> None:
    """A fresh tmpfs belongs to root; the server belongs to postgres."""
    container = start_postgres(
        "--tmpfs", "/var/lib/postgresql/data", "--env", "POSTGRES_USER=owner", "--env", "POSTGRES_DB=Task db"
    )
    with connect(container, user="owner", dbname="Task db") as connection:
        assert str(value(connection, "SHOW server_version")).startswith("15.")
        assert value(connection, "SHOW server_encoding") == "UTF8"
        assert value(connection, "SHOW listen_addresses") == "*"
        assert str(value(connection, "SELECT datcollate FROM pg_database LIMIT 1")).lower() == "en_us.utf8"
        assert value(connection, "SELECT rolpassword ^@ 'SCRAM-SHA-256$' FROM pg_authid WHERE rolname = 'owner'")
    assert docker("exec", container, "stat", "-c", "%U", "/proc/1").stdout.strip() == "postgres"
    assert docker("exec", container, "pg_isready").returncode == 0
    assert docker("exec", container, "psql", "-U", "owner", "Task db", "-Atc", "SELECT 1").stdout.strip() == "1"
    assert PASSWORD not in logs(container)


def test_postgres_refuses_a_wrong_password(start_postgres: StartPostgres) -> None:
    """Connections from outside the container are authenticated."""
    container = start_postgres()
    connect(container).close()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        connect(container, password="wrong")


def test_postgres_passes_arguments_to_the_server(start_postgres: StartPostgres) -> None:
    """With and without the name of the program, as users write both."""
    for command in (("postgres", "-c", "max_connections=37"), ("-c", "max_connections=37")):
        with connect(start_postgres(command=command)) as connection:
            assert value(connection, "SHOW max_connections") == "37"


def test_postgres_reads_secret_file_and_initdb_arguments(start_postgres: StartPostgres, tmp_path: Path) -> None:
    """A password file may end in a newline; the arguments are words as in a shell."""
    secret = tmp_path / "password"
    secret.write_text(PASSWORD + "\n")
    container = start_postgres(
        "--volume", f"{secret}:/run/password:ro", "--env", "POSTGRES_PASSWORD_FILE=/run/password",
        "--env", "POSTGRES_INITDB_ARGS=--data-checksums --locale='C.UTF-8'", password=None,
    )  # fmt: skip
    with connect(container) as connection:
        assert value(connection, "SHOW data_checksums") == "on"
        assert value(connection, "SELECT datcollate FROM pg_database LIMIT 1") == "C.UTF-8"


def test_postgres_runs_init_files_in_order(start_postgres: StartPostgres, tmp_path: Path) -> None:
    """SQL, compressed SQL, scripts to source and scripts to run; anything else is named and left alone."""
    tmp_path.chmod(0o755)
    (tmp_path / "1.sql").write_text("CREATE TABLE seen (step text);")
    (tmp_path / "2.sh").write_text(
        'psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB"'
        " -c \"INSERT INTO seen VALUES ('sourced')\""
    )
    executable = tmp_path / "3.sh"
    executable.write_text("#!/bin/sh\n" + (tmp_path / "2.sh").read_text().replace("sourced", "run"))
    executable.chmod(0o755)
    (tmp_path / "4.sql").write_text("INSERT INTO seen VALUES ('packed');")
    subprocess.run(["gzip", tmp_path / "4.sql"], check=True)
    (tmp_path / "README").touch()
    container = start_postgres("--volume", f"{tmp_path}:/docker-entrypoint-initdb.d:ro", "--env", "POSTGRES_DB=app")
    with connect(container, dbname="app") as connection:
        assert value(connection, "SELECT array_agg(step) FROM seen") == ["sourced", "run", "packed"]
    assert "ignoring /docker-entrypoint-initdb.d/README" in logs(container)


def test_postgres_stops_when_an_init_file_fails(start_postgres: StartPostgres, tmp_path: Path) -> None:
    """A half-made database must not look like a ready one."""
    tmp_path.chmod(0o755)
    (tmp_path / "1.sql").write_text("SELECT nonsense;")
    container = start_postgres("--volume", f"{tmp_path}:/docker-entrypoint-initdb.d:ro")
    assert docker("wait", container).stdout.strip() != "0"
    assert 'column "nonsense" does not exist' in logs(container)


def test_postgres_wants_a_password(start_postgres: StartPostgres) -> None:
    """Neither an empty nor a missing password starts a server, unless trust was asked for."""
    container = start_postgres(password=None)
    assert docker("wait", container).stdout.strip() == "1"
    assert "POSTGRES_PASSWORD" in logs(container)
    open_to_all = start_postgres("--env", "POSTGRES_HOST_AUTH_METHOD=trust", password=None)
    connect(open_to_all, password="").close()


def test_postgres_keeps_its_data_over_stop_and_start(start_postgres: StartPostgres) -> None:
    """A stop is a clean one, and a second start initialises nothing."""
    container = start_postgres()
    with connect(container) as connection:
        connection.execute("CREATE TABLE kept ()")
    docker("stop", "--time", "20", container)
    assert docker("inspect", "--format", "{{.State.ExitCode}}", container).stdout.strip() == "0"
    assert "database system is shut down" in logs(container)
    docker("start", container)
    with connect(container) as connection:
        assert value(connection, "SELECT to_regclass('kept')::text") == "kept"
    assert "Skipping initialization" in logs(container)


def test_postgres_starts_as_its_own_user(start_postgres: StartPostgres) -> None:
    """Kubernetes and careful users do not start it as root."""
    connect(start_postgres("--user", "postgres")).close()


def test_postgres_prints_its_version_without_a_data_directory() -> None:
    """No password is asked for where no server starts."""
    assert " 15." in docker("run", "--rm", POSTGRES, "postgres", "--version").stdout
    assert " 15." in docker("run", "--rm", POSTGRES, "--version").stdout


def test_postgres_starts_the_way_ministack_starts_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rehearsal's RDS: certificate copied in, started as root through sh, data on a tmpfs, TLS verified."""
    monkeypatch.setenv("MINISTACK_STATE_DIR", str(tmp_path))
    rds = importlib.import_module("ministack.services.rds")
    client = importlib.import_module("docker").from_env()
    name = f"slipway-test-{uuid.uuid4().hex[:12]}"
    started = time.monotonic()
    container = rds._run_rds_container(
        client,
        "postgres",
        {
            "image": POSTGRES,
            "name": name,
            "detach": True,
            "environment": {"POSTGRES_PASSWORD": PASSWORD, "POSTGRES_DB": "taskdb"},
            "ports": {"5432/tcp": ("127.0.0.1", None)},
            "tmpfs": {"/var/lib/postgresql/data": "rw,noexec,nosuid,size=256m"},
        },
    )
    try:
        authority = tmp_path / "ca.pem"
        authority.write_text(rds.pg_ca_cert_pem())
        with connect(name, dbname="taskdb", sslmode="verify-full", sslrootcert=str(authority)) as connection:
            assert value(connection, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        assert time.monotonic() - started < 15
    finally:
        container.remove(force=True, v=True)
        client.close()


def test_instance_has_what_user_data_calls() -> None:
    """On the path of a fresh instance, as Amazon Linux has them."""
    program = "set -e; command -v aws docker systemctl; test -d /etc/systemd/system; aws --version"
    output = docker("run", "--rm", "--network", "none", INSTANCE, "bash", "-c", program).stdout.splitlines()
    assert output[1:3] == ["/usr/bin/docker", "/usr/bin/systemctl"]
    assert output[3].startswith("aws-cli/")


def test_instance_is_built_again_when_what_it_is_made_of_changes() -> None:
    """The label names the recipe and the Python image below."""
    recipe = image_fact(INSTANCE, '{{index .Config.Labels "slipway.recipe"}}')
    assert recipe.partition("-")[2] == image_fact(PYTHON, "{{.Id}}").removeprefix("sha256:")[:16]
