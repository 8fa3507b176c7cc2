"""The databases behind Cloud SQL's instances: PostgreSQL in a container each, with the certificate of the instance."""

from __future__ import annotations

import contextlib
import re
import secrets
import threading
import time
from collections.abc import Mapping
from typing import Any

import docker
from docker.errors import DockerException, ImageNotFound, NotFound
from ministack.core.x509_utils import generate_ca, sign_leaf_certificate
from ministack.services import rds

from slipway_emulator.google.api import Json
from slipway_emulator.google.sql.settings import ENCRYPTED, SHARED_CA, major_version
from slipway_emulator.network import ENGINE_ERRORS, ContainerNetwork

PORT = 5432
_INSTANCE_LABEL = "sqladmin.googleapis.com/instance"
# "PostgreSQL users": the superuser is Google's own, and whoever a caller makes has this role.
_SUPERUSER, _ROLE = "cloudsqladmin", "cloudsqlsuperuser"
_FIRST_USER = "postgres"
_ACCESS_FILE = "/etc/slipway-pg_hba.conf"
_CERTIFIED_FILE = "/etc/slipway-certified"
_START_SECONDS = 120.0
_LOOK_SECONDS = 0.2
_STOP_SECONDS = 10
# psql quotes what it reads out of the environment.
_BEGIN = f"""
CREATE ROLE {_ROLE} NOLOGIN CREATEDB CREATEROLE;
GRANT pg_monitor, pg_signal_backend, pg_read_all_settings TO {_ROLE} WITH ADMIN OPTION;
CREATE ROLE {_FIRST_USER} LOGIN CREATEDB CREATEROLE IN ROLE {_ROLE};
ALTER DATABASE postgres OWNER TO {_ROLE};
"""
_READ = """\\set name `printf %s "$NAME"`
\\set password `printf %s "$PASSWORD"`
"""
_CREATE_USER = f"{_READ}CREATE ROLE :\"name\" LOGIN CREATEDB CREATEROLE IN ROLE {_ROLE} PASSWORD :'password';\n"
_SET_PASSWORD = f"{_READ}ALTER ROLE :\"name\" PASSWORD :'password';\n"
_DROP_USER = f'{_READ}DROP ROLE IF EXISTS :"name";\n'
_CREATE_DATABASE = f"{_READ}CREATE DATABASE :\"name\" OWNER {_ROLE} ENCODING 'UTF8' TEMPLATE template0;\n"
_DROP_DATABASE = f'{_READ}DROP DATABASE :"name";\n'
_SAID = re.compile(r"ERROR:\s+(.*)")


class DatabaseError(Exception):
    """PostgreSQL does not start, or refuses a statement; the message is its own."""


class Databases:
    """Starts, asks and stops them.

    Args:
        client: a client of the engine.
        network: the network that containers join.
        mark: the label by which what a rehearsal leaves behind is found.
    """

    def __init__(self, client: docker.DockerClient, network: ContainerNetwork, mark: Mapping[str, str]) -> None:
        self._client = client
        self._network = network
        self._mark = dict(mark)
        # Certificate and key of each region's authority, and of those that an instance has for itself.
        self._authorities: dict[str, tuple[str, str]] = {}
        # Instances of one region that are made at once are made by threads, and have one authority.
        self._authorities_lock = threading.Lock()

    def authority(self, instance: Json) -> str:
        """The certificate of the authority that signs an instance's; PEM."""
        return self._authority(instance)[0]

    def _authority(self, instance: Json) -> tuple[str, str]:
        is_shared = instance["settings"]["ipConfiguration"]["serverCaMode"] == SHARED_CA
        key = instance["region"] if is_shared else instance["connectionName"]
        with self._authorities_lock:
            if key not in self._authorities:
                name = f"Google Cloud SQL Server CA {key}"
                self._authorities[key] = generate_ca(org_name="Google, Inc", common_name=name)
            return self._authorities[key]

    def start(self, instance: Json, vpc: str, names: list[str]) -> tuple[Any, str]:
        """Start one, and wait until it answers.

        Args:
            instance: the record.
            vpc: the VPC network that it is reached from.
            names: those that its certificate is for. The dot at their ends is part of them: whoever connects without it
                connects to another name.

        Returns:
            The container, and its address.

        Raises:
            DatabaseError: it does not start.
        """
        image, environment, _, _ = rds._docker_image_for_engine(
            "postgres", str(major_version(instance["databaseVersion"])), _SUPERUSER, secrets.token_hex(16), "postgres"
        )
        # Its address, and so its certificate, is known when the container runs.
        wait = f"until [ -e {_CERTIFIED_FILE} ]; do sleep 0.1; done"
        tls = ["ssl=on", f"ssl_cert_file={rds._PG_TLS_DIR}/server.crt", f"ssl_key_file={rds._PG_TLS_DIR}/server.key"]
        options = [f"hba_file={_ACCESS_FILE}", *tls]
        arguments = {
            "entrypoint": ["sh", "-c", f'{wait}; exec docker-entrypoint.sh "$@"', "slipway"],
            "command": ["postgres", *(part for option in options for part in ("-c", option))],
            "environment": environment,
            "labels": self._mark | {_INSTANCE_LABEL: instance["connectionName"]},
            "network": self._network.name,
        }
        container = None
        try:
            try:
                container = self._client.containers.create(image, **arguments)
            except ImageNotFound:
                self._client.images.pull(image)
                container = self._client.containers.create(image, **arguments)
            container.start()
            self._certify(container, instance, names)
            self._await(container)
            container.reload()
            return container, self._network.serve(container, vpc, PORT)
        except (*ENGINE_ERRORS, DatabaseError) as error:
            if container:
                self.remove(container)
            raise DatabaseError(str(getattr(error, "explanation", None) or error)) from error

    def _certify(self, container: Any, instance: Json, names: list[str]) -> None:
        """Give a container the certificate of its instance, and its rules of access.

        "Server identity verification": the common name is that of project and instance, as the connectors check it.
        """
        common_name = f"{instance['project']}:{instance['name']}"
        signer = self._authority(instance)
        certificate, key, _ = sign_leaf_certificate(*signer, common_name=common_name, san_dns=names or None)
        container.put_archive("/", rds._pg_tls_archive(certificate, key))
        self._write_rules(container, instance)
        own = f"chown -R postgres:postgres {rds._PG_TLS_DIR} && touch {_CERTIFIED_FILE}"
        container.exec_run(["sh", "-c", own], user="root")

    def _write_rules(self, container: Any, instance: Json) -> None:
        """PostgreSQL's pg_hba.conf: nobody from outside is the superuser."""
        kind = "hostssl" if instance["settings"]["ipConfiguration"]["sslMode"] == ENCRYPTED else "host"
        rules = f"local all all trust\\nhost all {_SUPERUSER} all reject\\n{kind} all all all scram-sha-256\\n"
        container.exec_run(["sh", "-c", f"printf '{rules}' > {_ACCESS_FILE}"], user="root")

    def _await(self, container: Any) -> None:
        """Wait until a database answers, and make the roles that each one has."""
        deadline = time.monotonic() + _START_SECONDS
        # While its directory is made, it answers at the socket alone, and starts once more.
        ready = ["pg_isready", "--quiet", "--host=127.0.0.1", f"--port={PORT}"]
        while container.exec_run(ready).exit_code != 0:
            container.reload()
            if container.status in ("exited", "dead") or time.monotonic() > deadline:
                raise DatabaseError(f"PostgreSQL does not start: {container.logs(tail=5).decode('utf-8', 'replace')}")
            time.sleep(_LOOK_SECONDS)
        self._ask(container, _BEGIN)

    def change_access(self, container: Any, instance: Json) -> None:
        """Let hold which connections an instance takes now."""
        self._write_rules(container, instance)
        # PostgreSQL reads the file again.
        container.kill(signal="HUP")

    def create_user(self, container: Any, name: str, password: str) -> None:
        """Make a user, who has all rights but the superuser's."""
        self._ask(container, _CREATE_USER, NAME=name, PASSWORD=password)

    def set_password(self, container: Any, name: str, password: str) -> None:
        """Change a user's password."""
        self._ask(container, _SET_PASSWORD, NAME=name, PASSWORD=password)

    def drop_user(self, container: Any, name: str) -> None:
        """Delete a user, who must own nothing."""
        self._ask(container, _DROP_USER, NAME=name)

    def create_database(self, container: Any, name: str) -> None:
        """Make a database."""
        self._ask(container, _CREATE_DATABASE, NAME=name)

    def drop_database(self, container: Any, name: str) -> None:
        """Delete a database, which nobody may be connected to."""
        self._ask(container, _DROP_DATABASE, NAME=name)

    @staticmethod
    def _ask(container: Any, statements: str, **variables: str) -> None:
        """Run statements as the superuser.

        Args:
            container: of the database.
            statements: what psql reads.
            variables: environment variables: no password is for a process list.

        Raises:
            DatabaseError: one fails; with PostgreSQL's words.
        """
        options = "--no-psqlrc --quiet --set=ON_ERROR_STOP=1 --dbname=postgres"
        command = ["sh", "-c", f'printf %s "$STATEMENTS" | psql {options} --username={_SUPERUSER}']
        try:
            result = container.exec_run(command, environment=variables | {"STATEMENTS": statements})
        except DockerException as error:
            raise DatabaseError(str(error)) from error
        if result.exit_code != 0:
            output = result.output.decode("utf-8", "replace")
            match = _SAID.search(output)
            raise DatabaseError(match[1] if match else output.strip())

    def remove(self, container: Any) -> None:
        """Stop and remove one, with all that is in it."""
        self._network.leave(container)
        with contextlib.suppress(*ENGINE_ERRORS):
            container.stop(timeout=_STOP_SECONDS)
        with contextlib.suppress(NotFound):
            container.remove(v=True, force=True)
