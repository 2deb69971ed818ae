"""A release that is under way when Sluice is upgraded or downgraded: its record says enough.

The golden record is what the Sluice of schema 3 (commit df1c8bb) wrote on the memory platform until
its process was killed while version 2 had its share: ``quick().walk("2", "begun-before")``.
"""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from cli import sluice
from components import record
from components.errors import InputError
from components.platform import Lease
from components.platform.memory import Killed
from components.record import SCHEMA, Ended, Noted, Record, Unknown, WeightsSet, chain, of
from components.record.lines import RISEN
from components.registry import names
from components.release.state import fold
from tests.support.worlds import MODEL, NAME, Scene, quick

OLD = Path(__file__).parent / "golden" / "schema-3.jsonl"
OLD_ID, NEW_ID = "begun-before", "begun-after"
CANARY = {"1": 90, "2": 10}
TELEPORTED = ("action", {"action": "teleport", "to": "2"})
"""A line that no Sluice of today knows."""


def stands(content: bytes) -> Scene:
    """A world in which the release of that record is under way, and whose process is gone."""
    lines = record.parse(content, "the record")
    state = fold(lines)
    found = quick()
    world, platform = found.world, found.world.platform
    head = record.opened(lines)
    for name, its in head.versions.items():
        entry = world.registry.version(its.model, its.version)
        assert entry.tags["sluice.manifest"] == its.digest, name
    run_id = platform.registry.create_run("sluice-releases", state.release_id, {})
    world.registry.runs[state.run_id] = world.registry.runs[run_id]
    for version in ("1", "2"):
        stored = world.store_version(its.model, version)
        platform.serving.create(found.endpoint, stored, version)
    split = next(line.at for line in lines if isinstance(line.body, WeightsSet))
    world.clock.sleep(split - world.clock.time())
    platform.registry.set_alias(MODEL, names.CANDIDATE, "2")
    platform.traffic.set_weights(NAME, CANARY)
    world.clock.sleep(lines[-1].at - world.clock.time())
    lease = Lease(NAME, state.release_id, "engine 1", 60.0, {"1": 100})
    assert platform.leases.swap(NAME, None, lease)
    assert platform.records.append(state.release_id, 0, content)
    found.ids.append(state.release_id)
    return found


def begun_today() -> bytes:
    """The record of a release of this Sluice at the same place."""
    found = quick()
    world = found.world
    world.clock.after(35.0, lambda: world.faults.fail("records.append", times=1, error=Killed))
    with pytest.raises(Killed):
        found.walk("2", NEW_ID)
    assert found.weights == CANARY
    return Record(world.platform.records, NEW_ID, world.clock).content()


Bodies = list[tuple[str, dict[str, Any]]]


def bodies_of(content: bytes) -> Bodies:
    """The kinds and bodies of a record's lines."""
    found = record.parse(content, "today's")
    return [(line.kind, msgspec.json.decode(line.content)) for line in found]


def chained(bodies: Bodies) -> bytes:
    """The record of these lines."""
    written, last = b"", None
    for kind, body in bodies:
        seq, prev = (last.seq + 1, last.hash) if last else (0, chain.FIRST)
        last, line = chain.link(seq, kind, 1_700_000_000.0 + seq, body, prev)
        written += line
    return written


def of_tomorrow(content: bytes) -> bytes:
    """The record as a later Sluice might write it: other kinds, other fields, other actions."""
    bodies = bodies_of(content)
    bodies[0][1]["schema"] = SCHEMA + 1
    bodies += [("mood", {"is": ["well"]}), TELEPORTED]
    return chained([(kind, {**body, "added": {"later": 1}}) for kind, body in bodies])


def test_a_release_that_an_earlier_sluice_began_is_gone_on_with_and_promoted() -> None:
    found = stands(OLD.read_bytes())
    assert record.opened(found.record(OLD_ID)).schema == 3
    before = len(found.record(OLD_ID))
    ended = found.walk("2", OLD_ID)
    assert ended.outcome == "promoted", ended.reason
    assert found.one_version(OLD_ID) == "promoted"
    content = Record(found.world.platform.records, OLD_ID, found.world.clock).content()
    # What was written stands to the byte; what was added says of which schema it may be.
    assert [each.detail for each in of(found.record(OLD_ID), Noted) if each.event == RISEN] == [
        str(SCHEMA)
    ]
    assert content.startswith(OLD.read_bytes())
    assert len(found.record(OLD_ID)) > before
    assert of(found.record(OLD_ID), Unknown) == []
    assert found.failed() == 0


def test_a_failing_one_is_rolled_back_likewise() -> None:
    found = stands(OLD.read_bytes())
    found.world.behave("2", error_rate=0.3)
    ended = found.walk("2", OLD_ID)
    assert ended.outcome == "rolled_back"
    assert "requests failed" in ended.reason
    assert found.one_version(OLD_ID) == "rolled_back"


def test_the_reaper_ends_a_release_that_an_earlier_sluice_left() -> None:
    found = stands(OLD.read_bytes())
    found.recover()
    assert found.one_version(OLD_ID) == "error"


def test_a_release_that_a_later_sluice_began_is_not_gone_on_with_and_production_gets_all() -> None:
    content = of_tomorrow(begun_today())
    found = stands(content)
    for _ in range(2):
        with pytest.raises(
            InputError, match=rf"recorded in schema {SCHEMA + 1}, .* resume it with"
        ):
            found.walk("2", NEW_ID)
    # Whoever cannot read decides nothing: the lease runs out.
    assert found.weights == CANARY
    said = found.recover()
    assert found.weights == {"1": 100}
    assert found.lease is None
    assert found.world.serving.versions(NAME) == ["1"]
    assert any(f"recorded in schema {SCHEMA + 1}" in line for line in said)
    assert found.failed() == 0


def test_what_a_later_sluice_wrote_stays_and_is_shown(tmp_path: Path) -> None:
    content = of_tomorrow(begun_today())
    found = stands(content)
    found.recover()
    lines = found.record(NEW_ID)
    kept = Record(found.world.platform.records, NEW_ID, found.world.clock).content()
    assert kept.startswith(content)
    assert [each.kind for each in of(lines, Unknown)] == ["mood", "action"]
    assert of(lines, Ended) == []
    path = tmp_path / "record.jsonl"
    path.write_bytes(kept)
    shown = CliRunner().invoke(sluice, ["show", str(path), "--json"])
    assert shown.exit_code == 0, shown.output
    assert "teleport" in shown.output
    replayed = CliRunner().invoke(sluice, ["replay", str(path)])
    assert replayed.exit_code == 1
    assert f"recorded in schema {SCHEMA + 1}" in str(replayed.exception or replayed.output)


def test_a_record_of_today_s_that_a_later_sluice_went_on_with_is_read_and_not_resumed() -> None:
    bodies = bodies_of(begun_today())
    with pytest.raises(InputError, match="this is not an action line"):
        record.parse(chained([*bodies, TELEPORTED]), "damaged")
    risen = ("event", {"event": RISEN, "detail": str(SCHEMA + 1)})
    found = stands(chained([*bodies, risen, TELEPORTED]))
    assert [each.kind for each in of(found.record(NEW_ID), Unknown)] == ["action"]
    with pytest.raises(InputError, match=rf"in schema {SCHEMA + 1}, .* resume it with"):
        found.walk("2", NEW_ID)
    found.recover()
    assert found.weights == {"1": 100}
    assert found.lease is None
