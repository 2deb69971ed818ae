"""The commands that read records, on a memory platform."""

import json

import msgspec
import obstore
import pytest
from click.testing import CliRunner

from cli import sluice
from components.registry import names
from tests.support.records import chained
from tests.support.worlds import MODEL, Scene, begin


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> Scene:
    """A first release that is over, on the platform in use."""
    found = begin()
    found.walk("1", "r")
    monkeypatch.setattr("components.platform.connect", lambda: found.world.platform)
    return found


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(sluice, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def put(found: Scene, release_id: str, schema: int | None = None, **head: object) -> None:
    """Put the record of another release into the store: the one that ended with another head."""
    told = [(each.kind, each.at, msgspec.json.decode(each.content)) for each in found.record("r")]
    settings = told[0][2]["settings"] | head
    first = told[0][2] | {"release_id": release_id, "settings": settings}
    first |= {"schema": schema} if schema else {}
    content = chained([(told[0][0], told[0][1], first), *told[1:]])
    obstore.put(found.world.store, f"records/{release_id}/{0:012d}", content)


def test_a_record_that_cannot_be_read_is_one_line_in_the_list(ended: Scene) -> None:
    put(ended, "older", left=1)
    put(ended, "newer", schema=99, coming={"a": 1})
    obstore.put(ended.world.store, f"records/damaged/{0:012d}", b"{}\n")
    obstore.put(ended.world.store, f"records/torn/{0:012d}", b'{"at":1')
    code, said = run("releases")
    lines = said.splitlines()
    assert code == 0
    assert "promoted     r" in lines[0]
    assert [line.split()[1].rstrip(":") for line in lines[2:]] == [
        *("damaged", "newer", "older", "torn"),
    ]
    assert "settings are none of this version: left: unknown key" in lines[4]
    code, said = run("releases", "--json")
    rows = [json.loads(line) for line in said.splitlines()]
    assert [row["outcome"] for row in rows] == ["promoted", *["unreadable"] * 4]
    assert all(row["reason"] for row in rows)


def test_an_id_is_held_against_its_anchor(ended: Scene) -> None:
    code, said = run("replay", "r")
    assert (code, said.splitlines()[-1]) == (0, f"anchored at {MODEL} version 1")
    assert json.loads(run("replay", "r", "--json")[1])["anchor"] == f"anchored at {MODEL} version 1"
    assert run("replay", "r", "--anchor")[0] == 0
    assert run("show", "r")[1].rstrip().endswith(f"anchored at {MODEL} version 1")
    assert json.loads(run("show", "r", "--json")[1])["anchor"].startswith("anchored at")


def test_another_record_than_the_anchored_one_is_not_reproduced(ended: Scene) -> None:
    tag = f"{names.RECORD_TAG}.r"
    ended.world.registry.tag_version(MODEL, "1", {tag: f"7:{'0' * 64}"})
    code, said = run("replay", "r")
    assert code == 5
    assert "not reproduced: line 7: demo version 1 was anchored with the end 7:0000" in said
    code, said = run("replay", "r", "--json")
    (found,) = json.loads(said)["findings"]
    assert (code, found["line"]) == (5, 7)
    assert "was anchored with the end 7:0000" in run("show", "r")[1]


def test_a_registry_that_is_away_is_said_and_matters_only_if_it_is_asked_for(ended: Scene) -> None:
    ended.world.away("registry")
    code, said = run("replay", "r")
    assert (code, "not held against its anchor" in said) == (0, True)
    code, said = run("replay", "r", "--anchor")
    assert code == 5
    assert "line 7: not held against its anchor" in said


def test_a_file_is_held_against_its_anchor_where_that_is_asked_for(
    ended: Scene, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("copy") / "record.jsonl"
    path.write_bytes(b"".join(ended.world.platform.records.read("r", 0)))
    assert "anchored" not in run("replay", str(path))[1]
    assert "anchored at demo version 1" in run("replay", str(path), "--anchor")[1]
    assert "anchor" not in json.loads(run("show", str(path), "--json")[1])


def test_many_findings_are_cut_off_in_the_terminal_alone(ended: Scene) -> None:
    told = [(each.kind, each.at, msgspec.json.decode(each.content)) for each in ended.record("r")]
    content = chained([*told, *[told[1]] * 30])
    obstore.put(ended.world.store, "records/r/joined", content)
    code, said = run("replay", "r", "--json")
    findings = json.loads(said)["findings"]
    assert code == 5
    assert len(findings) == 30
    assert f"and {len(findings) - 20} more: --json lists them" in run("replay", "r")[1]
