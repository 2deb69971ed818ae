"""An ended record's anchor at the model version, and its copy in MLflow: never replaced."""

from pathlib import Path

import msgspec
import obstore
import pytest

from components.errors import InputError
from components.platform.patience import PATIENCE_S
from components.record import Record, parse, signature
from components.registry import names
from components.release import anchor, ending, opening
from components.release.anchor import RECORD_FILE
from tests.support.records import chained
from tests.support.worlds import MODEL, NAME, Scene, begin, quick

KEY = b"k" * 32


@pytest.fixture
def ended() -> Scene:
    """A first release that is over."""
    found = begin()
    found.walk("1", "r")
    return found


def tags(found: Scene) -> dict[str, str]:
    return dict(found.world.registry.version(MODEL, "1").tags)


def stored(found: Scene) -> bytes:
    return Record(found.world.platform.records, "r", found.world.clock).content()


def copied(found: Scene) -> bytes:
    return found.world.registry.runs[found.state("r").run_id].artifacts[RECORD_FILE]


def checked(found: Scene) -> anchor.Checked:
    return anchor.check(found.world.registry, found.record("r"))


def forge(found: Scene, *, lines: int | None = None, reason: str = "forged") -> bytes:
    """Write another record in the place of the one that stands, pending as if it had just ended."""
    told = [(each.kind, each.at, msgspec.json.decode(each.content)) for each in found.record("r")]
    kind, at, body = told[-1]
    content = chained([*told[:-1], (kind, at, body | {"reason": reason})][:lines])
    obstore.put(found.world.store, "records/r/joined", content)
    obstore.put(found.world.store, "pending/r", b"")
    return content


def use_key(monkeypatch: pytest.MonkeyPatch, folder: Path, content: bytes = KEY) -> None:
    path = folder / "key"
    path.write_bytes(content)
    path.chmod(0o600)
    monkeypatch.setenv(signature.KEY, str(path))


def test_an_end_is_anchored_at_the_version(ended: Scene) -> None:
    lines = ended.record("r")
    assert tags(ended)[f"{names.RECORD_TAG}.r"] == f"{len(lines)}:{lines[-1].hash}"
    assert not any(tag.startswith(names.SIGNATURE_TAG) for tag in tags(ended))
    assert checked(ended) == anchor.Checked(f"anchored at {MODEL} version 1", anchored=True)


def test_each_release_of_a_version_has_its_own_anchor() -> None:
    found = quick()
    found.passed = False
    found.walk("2", "a")
    found.walk("2", "b")
    kept = found.world.registry.version(MODEL, "2").tags
    assert {f"{names.RECORD_TAG}.{each}" for each in "ab"} <= kept.keys()


def test_a_registry_that_was_away_has_the_anchor_later() -> None:
    found = begin()
    found.world.faults.fail("registry.artifact", skip=1, for_s=PATIENCE_S + 1)
    found.walk("1", "r")
    assert f"{names.RECORD_TAG}.r" not in tags(found)
    assert checked(found).said == f"{MODEL} version 1 has no anchor of this release"
    found.recover(30)
    assert found.one_version("r") == "promoted"
    assert checked(found).anchored


def test_a_forged_record_replaces_neither_anchor_nor_copy_and_is_told_once(ended: Scene) -> None:
    before, kept = copied(ended), tags(ended)
    forge(ended)
    (said,) = ended.reap(60)
    assert said.startswith("r: record not copied: the record of r is not the one that the tag")
    assert said.endswith("neither is overwritten: see docs/record.md")
    assert (copied(ended), tags(ended)) == (before, kept)
    found = checked(ended)
    assert not found.anchored
    copy, end = found.findings
    assert copy.what == "its copy in MLflow has another line here"
    assert "was anchored with the end 7:" in end.what


@pytest.mark.parametrize("lines", [2, 6])
def test_a_record_that_lost_its_last_lines_does_not_replace_its_copy(
    ended: Scene, lines: int
) -> None:
    before, run_id = copied(ended), ended.state("r").run_id
    content = forge(ended, lines=lines)
    with pytest.raises(InputError, match="does not go on from its copy in MLflow"):
        anchor.copy(ended.world.registry, "r", run_id, content)
    assert copied(ended) == before
    (longer, end) = anchor.check(ended.world.registry, parse(content, "cut")).findings
    assert longer.what == f"its copy in MLflow has 7 lines, this record {lines}"
    assert "this record has None" in end.what


def test_a_copy_that_somebody_altered_is_told_and_left(ended: Scene) -> None:
    run = ended.world.registry.runs[ended.state("r").run_id]
    altered = run.artifacts[RECORD_FILE] = copied(ended).replace(b"promoted", b"promotex")
    obstore.put(ended.world.store, "pending/r", b"")
    (said,) = ended.reap(30)
    assert "the record of r does not go on from its copy in MLflow" in said
    assert copied(ended) == altered
    (found,) = checked(ended).findings
    assert found.line == 7


def test_a_copy_while_the_release_goes_on_is_not_replaced_by_another() -> None:
    found = quick()
    found.world.behave("2", error_rate=0.5)

    def alter() -> None:
        run = found.world.registry.runs[found.state("r").run_id]
        run.artifacts[RECORD_FILE] = b"{}\n" + run.artifacts[RECORD_FILE]

    found.world.clock.after(10, alter)
    found.walk("2", "r")
    assert "mirror_failed" in found.events("r")
    assert copied(found).startswith(b"{}\n")
    assert "r" in found.world.platform.records.pending()


def test_what_only_the_registry_knows_is_held_against_it(ended: Scene) -> None:
    registry, lines = ended.world.registry, ended.record("r")
    told = [(each.kind, each.at, msgspec.json.decode(each.content)) for each in lines]
    told[0][2]["run_id"] = "0" * 32
    said = anchor.check(registry, parse(chained(told), "forged"))
    assert "MLflow refuses: run" in said.findings[0].what
    registry.tag_version(MODEL, "1", {names.MANIFEST_TAG: "other"})
    (found,) = checked(ended).findings
    assert (found.line, "registered with the digest other" in found.what) == (2, True)


def test_a_registry_that_does_not_answer_is_said(ended: Scene) -> None:
    ended.world.away("registry")
    said = anchor.check(ended.world.platform.registry, ended.record("r"))
    assert said.said.startswith("not held against its anchor: registry.version")
    assert (said.anchored, said.findings) == (False, ())


def test_a_key_signs_and_asks_for_its_signature(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_key(monkeypatch, tmp_path)
    found = begin()
    found.walk("1", "r")
    assert found.one_version("r") == "promoted"
    assert checked(found).said == f"anchored at {MODEL} version 1 and signed by this key"
    assert checked(found).findings == ()
    use_key(monkeypatch, tmp_path, b"o" * 32)
    (said,) = checked(found).findings
    assert said.what == "its signature is not by this key (SLUICE_RECORD_KEY)"
    monkeypatch.delenv(signature.KEY)
    assert checked(found).said == f"anchored at {MODEL} version 1 and signed"


def test_whoever_forges_record_and_anchor_lacks_the_signature(
    ended: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = forge(ended)
    lines, run = parse(content, "forged"), ended.world.registry.runs[ended.state("r").run_id]
    run.artifacts[RECORD_FILE] = content
    value = str(anchor.value_of(lines))
    ended.world.registry.tag_version(MODEL, "1", {f"{names.RECORD_TAG}.r": value})
    assert checked(ended).anchored, "who may write both is not found without a key"
    use_key(monkeypatch, tmp_path)
    (said,) = checked(ended).findings
    assert said.what == "it is not signed (SLUICE_RECORD_KEY)"


def test_a_key_that_cannot_be_used_is_found_before_anything_is_touched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(signature.KEY, "/nowhere/key")
    found = quick()
    with pytest.raises(InputError, match="SLUICE_RECORD_KEY: /nowhere/key"), found.opened("r") as r:
        opening.fetch(r, NAME, "2")
    assert found.lease is None
    assert found.record("r") == []


def test_a_key_that_is_lost_at_the_end_leaves_the_record_to_the_reaper(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_key(monkeypatch, tmp_path)
    found = begin()
    found.steps("1", "r")
    (tmp_path / "key").unlink()
    found.finalize("r")
    (said,) = found.reap(30)
    assert "r: record not copied: SLUICE_RECORD_KEY" in said
    use_key(monkeypatch, tmp_path)
    found.recover(30)
    assert found.one_version("r") == "promoted"
    assert checked(found).findings == ()


def test_the_end_may_be_reported_again(ended: Scene) -> None:
    kept = tags(ended)
    with ended.opened("r") as release:
        ending.report_end(release, release.state())
    assert tags(ended) == kept
    assert copied(ended) == stored(ended)
