import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from cli import sluice
from components import schemas
from components.backtest.policy_file import PolicyFile, load
from components.backtest.polls import versions
from components.errors import InputError, SluiceError
from components.judge import Poll, Sample
from tests.support.polls import MakeGateway
from tests.support.present import present

ROOT = Path(__file__).parents[2]
Run = Callable[..., tuple[int, str, str]]

POLICY = "watch: 5m\npoll: 15s\nsteps: [10, 100]\n"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Judge polls (or bytes of a file) by a policy; exit code, standard output, the rest."""

    def judge(polls: bytes | list[Poll], *args: str, policy: str = POLICY) -> tuple[int, str, str]:
        (tmp_path / "policy.yaml").write_text(policy)
        lines = polls if isinstance(polls, bytes) else b"\n".join(map(msgspec.json.encode, polls))
        (tmp_path / "polls.jsonl").write_bytes(lines)
        files = ["--policy", f"{tmp_path}/policy.yaml", "--polls", f"{tmp_path}/polls.jsonl"]
        result = CliRunner().invoke(sluice, ["judge", *files, *args])
        if isinstance(result.exception, SluiceError):
            return 1, "", str(result.exception)
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result.exit_code, result.stdout, result.stderr

    return judge


def test_a_safe_version_is_promoted_with_exit_code_0(gateway: MakeGateway, run: Run) -> None:
    gate = gateway()
    code, said, hint = run([gate.poll(), *gate.watch(20)], "--json")
    found = json.loads(said)
    assert code == 0
    assert (found["verdict"], found["at"], found["next_step"]) == ("PROMOTE", 300, 100)
    assert (found["champion"], found["candidate"]) == ("1", "2")
    assert found["reasons"][0]["code"] == "safe"
    assert found["evidence"]["candidate"]["requests"] == 1500
    assert found["budget"]["false_rollback"] == 0.01
    assert "judging version 2 against 1" in hint


def test_a_failing_version_is_rolled_back_with_exit_code_3_and_a_table(
    gateway: MakeGateway, run: Run
) -> None:
    gate = gateway()
    code, said, _ = run([gate.poll(), *gate.watch(20, errors=0.1)])
    assert code == 3
    assert said.startswith("ROLLBACK at ")
    assert "the error rate is over the limit" in said
    budget = "at most 1% of releases (errors 0.25%, p95 0.6%, refused 0.1%, split 0.05%)"
    assert f"false rollback: {budget}" in " ".join(said.split())
    assert max(map(len, said.splitlines())) <= 80


def test_the_threshold_rule_has_no_budget_to_print(gateway: MakeGateway, run: Run) -> None:
    gate = gateway()
    polls = [gate.poll(), *gate.watch(20, errors=0.1)]
    assert "false rollback" not in run(polls, policy=POLICY + "method: threshold\n")[1]


@pytest.mark.parametrize("name", ["[red]gw[/red]", "[/]", "gw\x1b[2J"])
def test_the_name_of_a_source_is_text_and_neither_markup_nor_a_command(
    gateway: MakeGateway, run: Run, name: str
) -> None:
    gate = gateway()
    named = [
        msgspec.structs.replace(poll, sources={v: {name: poll.sources[v]["gateway"]} for v in "12"})
        for poll in (gate.poll(), *gate.watch(5))
    ]
    gate.t += 15
    polls = [*named, gate.poll(champion={name: gate.sample("1")}, candidate={name: None})]
    _, said, _ = run(polls)
    assert name.replace("\x1b", "\N{REPLACEMENT CHARACTER}") in " ".join(said.split())


def narrowed(sample: Sample, edges: list[str]) -> Sample:
    return msgspec.structs.replace(sample, buckets={edge: sample.buckets[edge] for edge in edges})


def coarse(polls: list[Poll], edges: list[str]) -> list[Poll]:
    """The same polls from a gateway whose histogram has only these edges."""
    return [
        msgspec.structs.replace(
            poll,
            sources={
                version: {
                    name: narrowed(present(sample), edges) for name, sample in samples.items()
                }
                for version, samples in poll.sources.items()
            },
        )
        for poll in polls
    ]


def test_buckets_that_cannot_decide_the_p95_are_refused_as_before_a_release(
    gateway: MakeGateway, run: Run
) -> None:
    gate = gateway()
    polls = [gate.poll(), *gate.watch(20)]
    edges = [*gate.sample("1").buckets]
    polls = coarse(polls, [*edges[::8], "+Inf"])
    code, said, complaint = run(polls)
    assert (code, said) == (1, "")
    assert "the buckets can decide a p95 ratio of 2.86" in complaint
    assert "the policy asks for 1.3" in complaint
    code, said, _ = run(polls, "--json")
    assert (code, json.loads(said)["reasons"][0]["code"]) == (1, "p95_undecidable")
    assert run(polls, policy=POLICY + "p95_ratio: 2.85\n")[0] != 1
    assert run(polls, policy=POLICY + "method: threshold\n")[0] != 1


def test_a_histogram_that_is_not_there_is_refused_but_not_that_of_an_idle_version(
    gateway: MakeGateway, run: Run
) -> None:
    gate = gateway()
    polls = [gate.poll(), *gate.watch(20)]
    assert "no latency histogram" in run(coarse(polls, []))[2]
    assert run(GOOD)[0] == 4


def test_an_undecided_version_is_held_with_exit_code_4(gateway: MakeGateway, run: Run) -> None:
    gate = gateway()
    polls = [gate.poll(), *gate.watch(20, rps=0.1)]
    assert run(polls, policy=POLICY + "undecided: hold\n")[0] == 4


def test_named_versions_are_not_guessed(gateway: MakeGateway, run: Run) -> None:
    gate = gateway()
    polls = [gate.poll(), *gate.watch(20, errors=0.1)]
    code, said, hint = run(polls, "--champion", "2", "--candidate", "1", "--json")
    assert json.loads(said)["candidate"] == "1"
    assert (code, hint) == (0, "")
    policy = POLICY + "champion: 2\ncandidate: 1\n"
    assert json.loads(run(polls, "--json", policy=policy)[1])["candidate"] == "1"


GOOD = b'{"t": 0, "weights": {"1": 100}, "sources": {"1": {}, "2": {}}}\n'


@pytest.mark.parametrize(
    "rubbish",
    [
        b"",
        b"\n \n",
        b"{",
        b"null\n",
        b"\xff\xfe\n",
        GOOD + GOOD[:-20],
        GOOD + b'{"t": NaN, "weights": {}, "sources": {}}\n',
        GOOD + b'{"t": 15, "weights": {}}\n',
        GOOD.replace(b"100", b"1e999"),
    ],
)
def test_rubbish_is_an_error_in_one_line_and_never_a_traceback(run: Run, rubbish: bytes) -> None:
    code, said, complaint = run(rubbish)
    assert code == 1
    assert said == ""
    assert len(complaint.splitlines()) == 1
    code, said, _ = run(rubbish, "--json")
    assert code == 1
    assert json.loads(said)["verdict"] == "ERROR"
    assert json.loads(said)["reasons"][0]["code"] == "unreadable_poll"


def test_the_line_that_is_no_poll_is_named(run: Run) -> None:
    assert "polls.jsonl:2: no poll" in run(GOOD + b"{}\n")[2]


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["--polls", "a", "--prometheus", "b"],
        ["--prometheus", "http://127.0.0.1:9"],
        ["--prometheus", "http://127.0.0.1:9", "--from", "yesterday"],
    ],
)
def test_contradictory_flags_are_a_usage_error(tmp_path: Path, args: list[str]) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY)
    result = CliRunner().invoke(sluice, ["judge", "--policy", f"{tmp_path}/policy.yaml", *args])
    assert result.exit_code == 2


def policy(tmp_path: Path, text: str, name: str = "policy.yaml") -> PolicyFile:
    path = tmp_path / name
    path.write_text(text)
    return load(path)


def test_a_policy_file_takes_durations_and_names_of_versions(tmp_path: Path) -> None:
    found = policy(tmp_path, "watch: 30m\npoll: 15s\nerror_rate: 0.02\ncandidate: 7\n")
    assert (found.policy.watch_s, found.policy.poll_s, found.policy.error_rate) == (1800, 15, 0.02)
    assert (found.champion, found.candidate) == (None, "7")


def test_a_policy_file_may_be_json(tmp_path: Path) -> None:
    assert policy(tmp_path, '{"watch_s": 60, "undecided": "hold"}').policy.undecided == "hold"


def test_a_policy_file_may_be_a_release_section(tmp_path: Path) -> None:
    found = policy(tmp_path, "steps: [5, 100]\nwatch: 10m\njudge: {error_rate: 0.03}\n").policy
    assert (found.steps, found.watch_s, found.error_rate) == ((5, 100), 600, 0.03)


@pytest.mark.parametrize("path", sorted((ROOT / "endpoints").glob("*.yaml")))
def test_an_endpoint_file_is_a_policy_file(path: Path) -> None:
    assert load(path).policy.steps[-1] == 100


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("error_rat: 0.01\n", "error_rat"),
        ("error_rate: 2\n", "error_rate"),
        ("error_rate: .nan\n", "error_rate"),
        ("watch: soon\n", "soon"),
        ("- 1\n", "mapping"),
        ("a: [\n", "not YAML"),
        ("name: x\nmodel: y\n", "evaluation"),
        ("steps: [50, 10]\n", "steps"),
    ],
)
def test_a_wrong_policy_is_refused_by_the_name_of_its_key(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        policy(tmp_path, text)


def test_an_absent_policy_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        load(tmp_path / "absent.yaml")


def split(weights: dict[str, float]) -> Poll:
    return Poll(0, weights, {version: {} for version in weights})


def test_the_candidate_is_the_version_with_the_smaller_weight_in_the_first_split() -> None:
    polls = [split({"9": 100}), split({"9": 10, "8": 90}), split({"9": 60, "8": 40})]
    assert versions(polls, None, None) == ("8", "9", True)
    assert versions([split({"9": 90, "8": 10})], None, None)[:2] == ("9", "8")


def test_without_a_split_or_at_an_even_one_the_candidate_is_the_higher_version() -> None:
    assert versions([split({"10": 0, "9": 100})], None, None)[:2] == ("9", "10")
    assert versions([split({"10": 50, "9": 50})], None, None)[:2] == ("9", "10")


def test_one_named_version_leaves_the_other() -> None:
    polls = [split({"9": 90, "8": 10})]
    assert versions(polls, "8", None)[:2] == ("8", "9")
    assert versions(polls, None, "9")[:2] == ("8", "9")


@pytest.mark.parametrize("weights", [{"1": 100}, {"1": 50, "2": 25, "3": 25}, {}])
def test_other_than_two_versions_must_be_named(weights: dict[str, float]) -> None:
    with pytest.raises(InputError, match="--champion and --candidate"):
        versions([split(weights)], None, None)


def test_the_schema_refuses_negative_counts_that_the_judge_never_promotes_on(
    gateway: MakeGateway, run: Run
) -> None:
    of_sample = json.loads(schemas.text("poll"))["$defs"]["Sample"]["properties"]
    counts = [of_sample["requests"], of_sample["errors"]]
    counts.append(of_sample["buckets"]["additionalProperties"])
    assert [count["minimum"] for count in counts] == [0, 0, 0]
    gate = gateway()
    polls = [gate.poll(), *gate.watch(25)]
    sample = present(polls[5].sources["2"]["gateway"])
    polls[5].sources["2"]["gateway"] = msgspec.structs.replace(sample, errors=-1.0)
    found = json.loads(run(polls, "--json")[1])
    assert found["verdict"] == "HOLD"
    assert "invalid_sample" in {reason["code"] for reason in found["reasons"]}
