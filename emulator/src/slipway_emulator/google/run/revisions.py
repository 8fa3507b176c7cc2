"""Revisions of services and worker pools: their instances are started, replaced when they fail, and retired."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import random
import string

from slipway_emulator.google.api import Json, new_id, now
from slipway_emulator.google.run.instances import MISSING, Instance, StartError
from slipway_emulator.google.run.resources import FAILED, RECONCILING, SUCCEEDED, Shared
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


def make_revision(owner: Json, owner_field: Json, generation: str) -> Revision:
    """A revision of the template of a service or worker pool, which becomes the last one that was created.

    Args:
        owner: the message of the service or worker pool.
        owner_field: what in the revision's message says whose it is.
        generation: the owner's.
    """
    short = owner["name"].rpartition("/")[2]
    suffix = "".join(random.choices(string.ascii_lowercase + string.digits, k=3))  # noqa: S311
    name = owner["template"].get("revision") or f"{short}-{int(generation):05d}-{suffix}"
    moment = now()
    template = {key: value for key, value in owner["template"].items() if key != "revision"}
    own = {
        "name": f"{owner['name']}/revisions/{name}",
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
    revision = Revision(template | own | owner_field)
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


class Rollout:
    """Starts and ends instances of revisions.

    Args:
        shared: starts containers and works in the background.
    """

    def __init__(self, shared: Shared) -> None:
        self._shared = shared

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
