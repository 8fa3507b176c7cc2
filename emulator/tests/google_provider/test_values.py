"""What a plan makes of a configuration, and what reading makes of an answer."""

from __future__ import annotations

from slipway_emulator.google_provider.schema import Attribute, Block, NestedBlock
from slipway_emulator.google_provider.values import UNKNOWN, Object, conform, is_unknown, plan, settle, validate

PROBE = Block(
    {
        "path": Attribute("string", optional=True, default="/"),
        "port": Attribute("number", optional=True, computed=True),
    },
    {},
)
BLOCK = Block(
    {
        "action": Attribute("string", optional=True, choices=("KEEP", "DELETE")),
        "count": Attribute("number", optional=True),
        "name": Attribute("string", required=True),
        "other": Attribute("string", optional=True, conflicts=("action",)),
        "uri": Attribute("string", computed=True),
        "value_wo": Attribute("string", optional=True),
    },
    {
        "probe": NestedBlock(PROBE, "list", computed=True),
        "rule": NestedBlock(PROBE, "set"),
    },
)
EMPTY: Object = dict.fromkeys(BLOCK.attributes) | {"probe": [], "rule": []}


def test_write_only_argument_is_in_no_plan() -> None:
    for given in ("x", UNKNOWN):
        config = EMPTY | {"name": "a", "value_wo": given}
        assert plan(BLOCK, config, config, None)["value_wo"] is None


def test_new_resource_has_defaults_and_unknown_results() -> None:
    config = EMPTY | {"name": "a", "rule": [{"path": None, "port": None}]}
    planned = plan(BLOCK, config, config, None)
    assert is_unknown(planned["uri"])
    assert is_unknown(planned["probe"])
    assert planned["rule"][0]["path"] == "/"
    assert is_unknown(planned["rule"][0]["port"])
    assert planned["action"] is None


def test_what_the_service_has_filled_in_stays() -> None:
    prior = EMPTY | {"name": "a", "uri": "x", "probe": [{"path": "/", "port": 8080}]}
    config = EMPTY | {"name": "a"}
    # Terraform proposes what is computed from the state, but no block that is not written.
    assert plan(BLOCK, config, config | {"uri": "x"}, prior) == prior


def test_nothing_empty_zero_and_false_are_one() -> None:
    prior = EMPTY | {"name": "a", "uri": "x", "count": None}
    config = EMPTY | {"name": "a", "count": 0}
    assert plan(BLOCK, config, config | {"uri": "x"}, prior) == prior
    assert settle(BLOCK, EMPTY | {"name": "a"}, EMPTY | {"name": "a", "count": 0})["count"] == 0
    assert settle(BLOCK, EMPTY | {"name": "a", "count": 2}, EMPTY | {"name": "a", "count": 0})["count"] == 2


def test_sets_are_told_apart_by_what_is_in_them() -> None:
    rules = [{"path": "/b", "port": 2}, {"path": "/a", "port": 1}]
    prior = EMPTY | {"name": "a", "uri": "x", "rule": rules}
    config = EMPTY | {"name": "a", "rule": [{"path": "/a", "port": None}, {"path": "/b", "port": None}]}
    proposed = config | {"uri": "x", "rule": [{"path": "/a", "port": 1}, {"path": "/b", "port": 2}]}
    assert plan(BLOCK, config, proposed, prior)["rule"] == proposed["rule"]


def test_choices_and_conflicts_are_named_with_their_place() -> None:
    config = EMPTY | {"name": "a", "action": "MOVE", "other": "x"}
    problems = [(problem.summary, problem.detail) for problem in validate(BLOCK, config)]
    assert ('expected action to be one of ["KEEP", "DELETE"], got MOVE', "") in problems
    assert ("Conflicting configuration arguments", '"other": conflicts with action') in problems
    assert not list(validate(BLOCK, EMPTY | {"name": "a", "action": UNKNOWN}))


def test_what_only_the_service_says_cannot_be_given() -> None:
    problems = [(problem.summary, problem.detail) for problem in validate(BLOCK, EMPTY | {"name": "a", "uri": "x"})]
    assert [summary for summary, _ in problems] == ["Value for unconfigurable attribute"]
    assert problems[0][1].startswith('Can\'t configure a value for "uri"')


def test_state_of_another_version_gets_the_members_of_this_one() -> None:
    state = {"name": "a", "gone": 1, "probe": [{"path": "/", "old": True}]}
    assert conform(state, BLOCK.type()) == EMPTY | {"name": "a", "rule": None, "probe": [{"path": "/", "port": None}]}
