"""Revisions of services and worker pools: their instances are started, replaced when they fail, and retired."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from slipway_emulator.google.api import ApiError, Json, Request, Response, new_id, new_suffix, now, page
from slipway_emulator.google.run.instances import MISSING, Instance, StartError
from slipway_emulator.google.run.resources import (
    FAILED,
    RECONCILING,
    SUCCEEDED,
    Collection,
    Shared,
    check_etag,
    missing,
)
from slipway_emulator.google.run.services import condition
from slipway_emulator.network import ENGINE_ERRORS

_LOG = logging.getLogger(__name__)
_RESTART_SECONDS = 1.0


@dataclasses.dataclass
class _Kept:
    """An instance that is replaced when it fails.

    Attributes:
        instance: what runs; None while another one starts.
        keeping: what replaces it.
    """

    instance: Instance | None
    keeping: asyncio.Task[None] | None = None


@dataclasses.dataclass
class Revision:
    """One version of a service or a worker pool, and what runs of it.

    Attributes:
        record: the message of the API.
        kept: its instances.
    """

    record: Json
    kept: list[_Kept] = dataclasses.field(default_factory=list)

    @property
    def instances(self) -> list[Instance]:
        """What runs."""
        return [one.instance for one in self.kept if one.instance]

    @property
    def short_name(self) -> str:
        """The last part of its name."""
        return str(self.record["name"].rpartition("/")[2])

    @property
    def state(self) -> str:
        """Whether it is ready: "CONDITION_SUCCEEDED" and so on."""
        return str(self.record["conditions"][0]["state"])


@dataclasses.dataclass
class Revised:
    """A service or a worker pool, and its revisions, oldest first.

    Attributes:
        record: the message of the API.
        revisions: by the last part of their name.
        turn: held while a revision is rolled out.
    """

    record: Json
    revisions: dict[str, Revision] = dataclasses.field(default_factory=dict)
    turn: asyncio.Lock = dataclasses.field(default_factory=asyncio.Lock)

    def find(self, name: str) -> Revision:
        """One of its revisions.

        Raises:
            ApiError: there is none of that name.
        """
        if name not in self.revisions:
            _, project, _, location, *_ = self.record["name"].split("/")
            raise missing("REVISION", project, location, name)
        return self.revisions[name]

    def page(self, request: Request, kind: str) -> Response:
        """One page of its revisions, the newest first, as a list that the API calls so."""
        records = [revision.record for revision in reversed(self.revisions.values())]
        return Response(200, page(records, request, kind))


Owner = TypeVar("Owner", bound=Revised)


def _make_revision(owner: Json, generation: str) -> Revision:
    """A revision of the template of a service or worker pool, which becomes the last one that was created.

    Args:
        owner: the message of the service or worker pool.
        generation: the owner's.
    """
    short = owner["name"].rpartition("/")[2]
    name = owner["template"].get("revision") or f"{short}-{int(generation):05d}-{new_suffix(3)}"
    moment = now()
    template = {key: value for key, value in owner["template"].items() if key != "revision"}
    own = {
        "name": f"{owner['name']}/revisions/{name}",
        "service": owner["name"],
        "uid": new_id(),
        "generation": "1",
        "observedGeneration": "1",
        "createTime": moment,
        "updateTime": moment,
        "launchStage": owner["launchStage"],
        "etag": f'"{new_id()}"',
        "reconciling": True,
        "conditions": [condition("Ready", RECONCILING, moment)],
    }
    revision = Revision(template | own)
    owner["latestCreatedRevision"] = revision.record["name"]
    return revision


def problem_of(revision: Revision, consequence: str) -> Json | None:
    """Why a revision has failed, as the condition of its owner says it; None where it has not.

    Args:
        revision: the revision.
        consequence: what follows from it: "is not ready and cannot serve traffic."
    """
    if revision.state != FAILED:
        return None
    own = revision.record["conditions"][0]
    reason = {field: own[field] for field in ("reason", "revisionReason") if field in own}
    return reason | {"message": f"Revision '{revision.short_name}' {consequence} {own['message']}"}


class Rollout(Generic[Owner]):
    """Rolls changes of services, or of worker pools, out, and ends what is deleted.

    Args:
        shared: starts containers and works in the background.
        owners: all of them.
        message: makes the message of an operation of the message of one.
        conditions: the kinds of conditions that one has.
        settle: has the instances run that a message asks for, where it has one of a new revision as well; the
            problem, if they do not.
    """

    def __init__(
        self,
        shared: Shared,
        owners: Collection[Owner],
        message: Callable[[Json], Json],
        conditions: tuple[str, ...],
        settle: Callable[[Owner, Revision | None], Awaitable[Json | None]],
    ) -> None:
        self._shared = shared
        self._owners = owners
        self._message = message
        self._conditions = conditions
        self._settle = settle

    def begin(self, owner: Owner, request: Request, has_new_revision: bool) -> Response:
        """Begin to roll out what a message asks for now."""
        record = owner.record
        _, project, _, location, *_ = record["name"].split("/")
        self._shared.networks.hold(record["name"], record["template"])
        generation = str(int(record["generation"]) + 1)
        record |= {
            "generation": generation,
            "updateTime": now(),
            "lastModifier": request.principal,
            "etag": f'"{new_id()}"',
            "reconciling": True,
            "terminalCondition": condition("Ready", RECONCILING, now()),
        }
        revision = None
        if has_new_revision:
            revision = _make_revision(record, generation)
            owner.revisions[revision.short_name] = revision
        operation = self._shared.operations.begin(project, location, self._message(record))

        async def roll() -> None:
            async with owner.turn:
                try:
                    problem = await self._settle(owner, revision)
                except ENGINE_ERRORS as error:
                    _LOG.exception("%s", record["name"])
                    problem = {"message": f"An internal error has occurred: {error}", "reason": "INTERNAL"}
                self._conclude(record, generation, problem)
            if problem:
                status = "INTERNAL" if problem.get("reason") == "INTERNAL" else "FAILED_PRECONDITION"
                self._shared.operations.fail(operation, ApiError(status, problem["message"]))
            else:
                self._shared.operations.succeed(operation, self._message(record))

        self._shared.spawn(roll())
        return Response(200, operation)

    def _conclude(self, record: Json, generation: str, problem: Json | None) -> None:
        if record["generation"] != generation:
            # A newer change is on its way, and says how that ends.
            return
        state = FAILED if problem else SUCCEEDED
        record["terminalCondition"] = condition("Ready", state, now(), problem)
        record["conditions"] = [condition(kind, state, now(), problem) for kind in self._conditions]
        record["reconciling"] = False
        if not problem:
            record["observedGeneration"] = generation

    def delete(self, owner: Owner, request: Request) -> Response:
        """Begin to delete one, with all that runs of it."""
        record = owner.record
        _, project, _, location, *_ = record["name"].split("/")
        check_etag(record, request.query.get("etag", ""))
        if request.query.get("validateOnly") == "true":
            return self._shared.dry(project, location, self._message(record))
        operation = self._shared.operations.begin(project, location, self._message(record))
        del self._owners.resources[record["name"]]
        self._shared.policies.forget(record["name"])

        async def remove() -> None:
            async with owner.turn:
                await asyncio.gather(*(self.retire(revision) for revision in owner.revisions.values()))
            self._shared.networks.let_go(record["name"])
            self._shared.operations.succeed(operation, self._message(record) | {"deleteTime": now()})

        self._shared.spawn(remove())
        return Response(200, operation)

    async def make_ready(self, revision: Revision, count: int) -> None:
        """Start a revision's first instances; its conditions say whether that succeeds."""
        record = revision.record
        try:
            started = await asyncio.gather(
                *(self._shared.instances.start(record) for _ in range(count)), return_exceptions=True
            )
            instances = [one for one in started if isinstance(one, Instance)]
            failures = [error for error in started if isinstance(error, BaseException)]
            if failures:
                await asyncio.gather(*(self._shared.instances.stop(one) for one in instances))
                raise failures[0]
        except StartError as error:
            own = {"message": error.message, **error.reason}
            kind = "ContainerReady" if error.reason == MISSING else "ContainerHealthy"
            record["conditions"] = [condition("Ready", FAILED, now(), own), condition(kind, FAILED, now(), own)]
            record["reconciling"] = False
            return
        record["conditions"] = [
            condition(kind, SUCCEEDED, now())
            for kind in ("Ready", "ContainerHealthy", "ContainerReady", "ResourcesAvailable")
        ]
        record["reconciling"] = False
        for instance in instances:
            self._keep(revision, instance)

    async def fill_up(self, revision: Revision, count: int) -> None:
        """Start what a ready revision lacks; what it has beyond goes on."""
        missing = count - len(revision.kept)
        started = await asyncio.gather(
            *(self._shared.instances.start(revision.record) for _ in range(missing)), return_exceptions=True
        )
        for instance in started:
            if isinstance(instance, Instance):
                self._keep(revision, instance)
            else:
                _LOG.info("an instance of %s does not start: %s", revision.record["name"], instance)

    async def shrink(self, revision: Revision, count: int) -> None:
        """End what a revision has beyond a number."""
        ended, revision.kept = revision.kept[count:], revision.kept[:count]
        tasks = [one.keeping for one in ended if one.keeping]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(self._shared.instances.stop(one.instance) for one in ended if one.instance))

    async def retire(self, revision: Revision) -> None:
        """End all instances of a revision."""
        await self.shrink(revision, 0)

    def _keep(self, revision: Revision, instance: Instance) -> None:
        kept = _Kept(instance)
        revision.kept.append(kept)
        kept.keeping = self._shared.spawn(self._replace(revision, kept))

    async def _replace(self, revision: Revision, kept: _Kept) -> None:
        """Replace an instance that fails, as often as it does."""
        while kept.instance:
            reason = await self._shared.instances.await_end(kept.instance, revision.record)
            _LOG.info("an instance of %s is replaced: %s", revision.record["name"], reason)
            failed, kept.instance = kept.instance, None
            await self._shared.instances.stop(failed)
            kept.instance = await self._start_again(revision)

    async def _start_again(self, revision: Revision) -> Instance:
        while True:
            try:
                return await self._shared.instances.start(revision.record)
            except (StartError, *ENGINE_ERRORS) as error:
                _LOG.info("an instance of %s does not start: %s", revision.record["name"], error)
                await asyncio.sleep(_RESTART_SECONDS)
