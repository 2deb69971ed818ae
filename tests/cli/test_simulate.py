import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from cli import sluice
from components.errors import InputError
from components.judge import Poll
from components.simulation.run import percent

pytestmark = pytest.mark.slow

SMALL = ["--releases", "20", "--minutes", "10"]


def run(*flags: str) -> Result:
    # To start a process takes longer than these few releases.
    given = ["simulate", *flags, "--jobs", "1"]
    return CliRunner().invoke(sluice, given, env={"COLUMNS": "80"})


def done(*flags: str) -> str:
    result = run(*flags)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_json_tells_what_each_rule_did_in_shares_and_seconds() -> None:
    result = json.loads(done(*SMALL, "--errors", "0.5", "--json"))
    assert set(result["rules"]) == {"sluice", "flagger", "argo", "kayenta"}
    for found in result["rules"].values():
        ends = [found[end] for end in ("rolled_back", "promoted", "held", "error")]
        assert sum(ends) == pytest.approx(1)
    assert result["rules"]["sluice"]["rolled_back"] == 1
    assert result["rules"]["sluice"]["median_detection_s"] <= 30
    assert result["rules"]["argo"]["median_detection_s"] == 240
    assert result["scenario"]["errors"] == 0.5


def test_what_becomes_of_held_releases_is_said() -> None:
    flags = (*SMALL, "--rps", "0.5")
    said = " ".join(done(*flags).split())
    on = json.loads(done(*flags, "--json"))["extension"]
    assert on["minutes"] == 20
    assert f"{percent(on['held'])} undecided: at most so many end in a rollback" in said
    nothing_held = done(*SMALL, "--errors", "0.5")
    assert "extend" not in nothing_held


def test_a_table_says_what_was_measured_of_each_promise_and_one_broken_ends_with_1() -> None:
    # A budget of next to nothing sees no fault in time.
    flags = ("--scenarios", "acceptance", "--releases", "1", "--false-rollback", "1e-200", "--json")
    ended = run(*flags)
    result = json.loads(ended.stdout)
    promises = [promise for found in result["results"] for promise in found["promises"]]
    (in_time,) = [promise for promise in promises if promise.get("within_s") == 1080]
    assert 0 <= in_time["measured"] <= 1
    assert in_time["kept"] == (in_time["measured"] >= 0.999)
    assert result["kept"] == all(promise["kept"] for promise in promises)
    assert (result["kept"], ended.exit_code) == (False, 1)


def test_a_baseline_is_shown_beside_what_is_decided_without_one() -> None:
    result = json.loads(run("--scenarios", "baseline", "--releases", "8", "--json").stdout)
    found = {each["name"]: each for each in result["results"]}
    quicker = found["same, 40 % quicker under load, 50/s"]
    assert quicker["without_baseline"]["rules"]["sluice"]["rolled_back"] == 1
    assert quicker["rules"]["sluice"]["promoted"] == 1
    assert "without:" in run("--scenarios", "baseline", "--releases", "2").stdout


def test_every_flag_reaches_the_scenario() -> None:
    flags = {
        "rps": "2",
        "share": "0.2",
        "errors": "0.03",
        "baseline-errors": "0.001",
        "given-up": "0.02",
        "refused": "0.04",
        "baseline-refused": "0.01",
        "readings": "late",
        "latency-ratio": "1.2",
        "earlier-ratio": "3",
        "load": "-0.2",
        "cold": "0.6",
        "burst": "0.1",
        "wobble": "0.05",
        "diurnal": "0.5",
        "onset": "1m",
        "until": "120",
        "minutes": "4",
        "poll": "30s",
    }
    given = [part for flag, value in flags.items() for part in (f"--{flag}", value)]
    scenario = json.loads(done("--releases", "2", "--shared", "--baseline", *given, "--json"))[
        "scenario"
    ]
    assert scenario == {
        "rps": 2,
        "share": 20,
        "errors": 0.03,
        "baseline_errors": 0.001,
        "given_up": 0.02,
        "refused": 0.04,
        "baseline_refused": 0.01,
        "readings": "late",
        "latency_ratio": 1.2,
        "earlier_ratio": 3,
        "load": -0.2,
        "cold": 0.6,
        "baseline": True,
        "burst": 0.1,
        "wobble": 0.05,
        "diurnal": 0.5,
        "onset": 60,
        "until": 120,
        "shared": True,
        "minutes": 4,
        "poll": 30,
        "peers_watch": ["errors", "p95"],
    }


def test_the_same_seed_prints_the_same_json() -> None:
    flags = (*SMALL, "--errors", "0.02", "--json")
    assert done(*flags, "--seed", "7") == done(*flags, "--seed", "7")


def test_the_policys_limits_are_the_callers() -> None:
    flags = (*SMALL, "--errors", "0.05", "--json")
    lenient = json.loads(done(*flags, "--error-rate", "0.1"))
    assert lenient["rules"]["sluice"]["rolled_back"] == 0
    assert lenient["rules"]["flagger"]["rolled_back"] == 0


@pytest.mark.parametrize("flags", [SMALL, ["--scenarios", "limits", "--releases", "2"]])
def test_tables_fit_into_80_columns(flags: list[str]) -> None:
    lines = done(*flags).splitlines()
    assert len(lines) > 4
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--share", "12.5"], "whole percent"),
        (["--onset", "soon"], "no duration"),
        (["--releases", "0"], "--releases"),
    ],
)
def test_a_flag_that_cannot_be_read_is_a_usage_error(flags: list[str], said: str) -> None:
    result = run(*flags)
    assert result.exit_code == 2
    assert said in result.output


@pytest.mark.parametrize("flags", [["--rps", "0"], ["--error-rate", "2"], ["--burst", "nan"]])
def test_a_value_out_of_range_is_one_line_that_names_the_flag(flags: list[str]) -> None:
    error = run(*flags).exception
    assert isinstance(error, InputError)
    assert str(error).startswith(f"{flags[0]}: ")
    assert "\n" not in str(error)


def test_the_page_needs_no_network_and_repeats_its_command(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    done(*SMALL, "--errors", "0.03", "--plot", str(page))
    text = page.read_text()
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "sluice simulate --errors 0.03 --minutes 10 --releases 20" in text
    assert text.count("<svg") == 1


def test_the_picture_is_well_formed_svg(tmp_path: Path) -> None:
    picture = tmp_path / "picture.svg"
    done(*SMALL, "--errors", "0.03", "--onset", "2m", "--plot", str(picture))
    root = ElementTree.fromstring(picture.read_text())  # noqa: S314  # our own file
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert len(root.findall(".//{*}polyline")) == 4


def test_a_table_does_not_fit_one_picture(tmp_path: Path) -> None:
    picture = tmp_path / "picture.svg"
    result = run("--scenarios", "limits", "--releases", "1", "--plot", str(picture))
    assert "write FILE.html" in str(result.exception)


def test_the_polls_of_one_release_are_the_judges_input(tmp_path: Path) -> None:
    file = tmp_path / "polls.jsonl"
    done(*SMALL, "--polls", str(file))
    polls = [Poll.parse(line) for line in file.read_bytes().splitlines()]
    assert [poll.t for poll in polls] == [15.0 * poll for poll in range(41)]
    assert polls[0].weights == {"1": 100}
    assert polls[-1].weights == {"1": 90, "2": 10}


def test_a_p95_ratio_that_the_histogram_cannot_decide_is_refused() -> None:
    refused = run("--p95-ratio", "1.1", "--releases", "2")
    assert isinstance(refused.exception, InputError)
    assert "it can decide" in str(refused.exception)
