"""Endpoint files: every fault is one line with the file, the line, the key and the mend."""

from pathlib import Path

import pytest

from components import endpoint
from components.durations import seconds
from components.endpoint import Endpoint
from components.errors import InputError

GOOD = """\
name: banking77
model: banking77-intent
evaluation:
  dataset: {uri: "s3://datasets/banking77/test.csv", target: category}
  accuracy: {min: 0.85}
serving:
  runtime: text-classifier
release:
  steps: [10, 50, 100]
  watch: 30m
  poll: 15s
  judge: {error_rate: 0.01}
"""


def refused(text: str) -> str:
    with pytest.raises(InputError) as caught:
        endpoint.parse(text, "e.yaml")
    return str(caught.value)


def test_durations_become_seconds_and_defaults_are_filled_in() -> None:
    found = endpoint.parse(GOOD, "e.yaml")
    assert (found.release.watch, found.release.poll, found.release.lease) == (1800, 15, 120)
    assert found.release.policy().steps == (10, 50, 100)


@pytest.mark.parametrize(
    ("written", "watch", "percent"),
    [("5m", 300, 100), ("{watch: 90s}", 90, 100), ("{watch: 5m, percent: 20}", 300, 20)],
)
def test_a_shadow_is_a_duration_or_a_block(written: str, watch: float, percent: int) -> None:
    found = endpoint.parse(f"{GOOD}  shadow: {written}\n", "e.yaml")
    shadow = found.release.shadow
    assert shadow is not None
    assert (shadow.watch, shadow.percent) == (watch, percent)
    assert Endpoint.model_validate(found.model_dump(mode="json")) == found
    assert found.release.shadow_policy().watch_s == watch


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("5", "e.yaml:13: release.shadow: "),
        ("soon", "e.yaml:13: release.shadow.watch: 'soon' is no duration: write it like 15s"),
        ("100ms", "e.yaml:13: release.shadow.watch: must be from 1s to 720h"),
        ("{percent: 20}", "e.yaml:13: release.shadow.watch: Field required"),
        ("{watch: 5m, percent: 0}", "e.yaml:13: release.shadow.percent: Input should be greater"),
        ("{watch: 5m, percent: 101}", "e.yaml:13: release.shadow.percent: Input should be less"),
        ("{watch: 5m, share: 5}", "e.yaml:13: release.shadow.share: unknown key"),
    ],
)
def test_a_shadow_that_cannot_be_is_one_clear_line(written: str, said: str) -> None:
    assert refused(f"{GOOD}  shadow: {written}\n").startswith(said)


def test_a_shadow_needs_a_step_to_come_before() -> None:
    text = f"{GOOD}  shadow: 5m\n".replace("[10, 50, 100]", "[100]")
    assert "shadow comes before the first watched step: steps has none below 100" in refused(text)


def test_what_is_recorded_can_be_read_again() -> None:
    found = endpoint.parse(GOOD, "e.yaml")
    assert Endpoint.model_validate(found.model_dump(mode="json")) == found


@pytest.mark.parametrize(
    ("change", "to", "said"),
    [
        ("watch: 30m", "watches: 30m", "e.yaml:10: release.watches: unknown key"),
        ("watch: 30m", "watch: 30", "e.yaml:10: release.watch: 30 is no duration: write it like"),
        ("watch: 30m", "watch: 0s", "e.yaml:10: release.watch: '0s' is no duration"),
        ("[10, 50, 100]", "[50, 10, 100]", "e.yaml:9: release.steps: steps must rise"),
        ("[10, 50, 100]", "[10, 50]", "e.yaml:9: release.steps: steps must rise"),
        ("[10, 50, 100]", "[]", "e.yaml:9: release.steps: steps must rise"),
        ("poll: 15s", "poll: 2m", "lease must be at least three polls long"),
        ("name: banking77", "slo: {availability: 0.9}\nname: banking77", "e.yaml:1: slo.availab"),
        ("name: banking77", "slo: {uptime: 0.99}\nname: banking77", "e.yaml:1: slo.uptime: unk"),
        ("0.85", "lots", "e.yaml:5: evaluation.accuracy.min: Input should be a valid number"),
        ("0.85", "1.85", "e.yaml:5: evaluation.accuracy.min: Input should be less than or equal"),
        ("text-classifier", "pytorch", "e.yaml:7: serving.runtime: Input should be"),
        (
            "runtime: text-classifier",
            "runtime: text-classifier\n  scaling: {min: 3, max: 2}",
            "e.yaml:8: serving.scaling: min 3 is more than max 2",
        ),
        (
            "runtime: text-classifier",
            "runtime: text-classifier\n  scaling: {min: 2}",
            "e.yaml:8: serving.scaling: min 2 is more than max 1",
        ),
        ("name: banking77", "name: ../x", "e.yaml:1: name: String should match pattern"),
        ("s3://datasets", "http://x", "e.yaml:4: evaluation.dataset.uri: String should match"),
        ("model: ", "name: ", "e.yaml:2: name stands twice"),
        ("name: banking77", "[", "e.yaml: not YAML"),
    ],
)
def test_a_fault_is_named_with_its_line(change: str, to: str, said: str) -> None:
    assert change in GOOD
    assert said in refused(GOOD.replace(change, to, 1))


@pytest.mark.parametrize("text", ["", "42", "- a\n- b\n", "!!python/object:os.system {}", "\x00"])
def test_rubbish_is_refused_in_one_line(text: str) -> None:
    assert refused(text).count("\n") == 0


def test_every_fault_is_told_at_once() -> None:
    text = GOOD.replace("0.85", "lots").replace("watch: 30m", "watches: 30m")
    assert len(refused(text).splitlines()) == 2


def test_a_missing_or_oversized_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        endpoint.load(tmp_path / "none.yaml")
    large = tmp_path / "large.yaml"
    large.write_text("#" * 100_000)
    with pytest.raises(InputError, match="larger than"):
        endpoint.load(large)


def test_the_shipped_endpoints_are_valid() -> None:
    for path in Path("endpoints").glob("*.yaml"):
        assert endpoint.load(path).name == path.stem


@pytest.mark.parametrize("starts", ["9s", "31m"])
def test_a_start_is_waited_for_within_bounds(starts: str) -> None:
    text = GOOD.replace("text-classifier", f"text-classifier\n  starts: {starts}")
    assert "serving.starts: must be from 10s to 30m" in refused(text)
    assert endpoint.parse(GOOD, "e.yaml").serving.starts == 600.0


@pytest.mark.parametrize("deadline", ["10ms", "70s", "2m", "10m"])
def test_a_deadline_that_is_held_end_to_end_is_taken(deadline: str) -> None:
    text = GOOD.replace("text-classifier", f"text-classifier\n  queue: {{deadline: {deadline}}}")
    assert endpoint.parse(text, "e.yaml").serving.queue.deadline == seconds(deadline)


@pytest.mark.parametrize("deadline", ["9ms", "601s", "11m", "2h"])
def test_another_one_is_refused_with_the_bounds(deadline: str) -> None:
    text = GOOD.replace("text-classifier", f"text-classifier\n  queue: {{deadline: {deadline}}}")
    assert "must be from 10ms to 10m" in refused(text)


@pytest.mark.parametrize("watch", ["0.0001ms", "9000h", "99999999999999999999h"])
def test_a_duration_that_nothing_here_lasts_is_refused(watch: str) -> None:
    assert "no duration from 1ms to a year" in refused(GOOD.replace("30m", watch))


def test_a_step_in_octal_is_refused_and_not_taken_for_another_share() -> None:
    said = refused(GOOD.replace("[10, 50, 100]", "[010, 50, 100]"))
    assert said.startswith("e.yaml:9: 010 is not a plain number")


@pytest.mark.parametrize("ratio", ["1.1", "1.22", "1.34"])
def test_a_p95_ratio_that_the_gateways_edges_cannot_decide_is_refused(ratio: str) -> None:
    text = GOOD.replace("{error_rate: 0.01}", f"{{p95_ratio: {ratio}}}")
    with pytest.raises(InputError, match=r"release\.judge\.p95_ratio") as caught:
        endpoint.refuse_undecidable(endpoint.parse(text, "e.yaml"))
    assert "it can decide 1.2, 1.24 to 1.25, 1.27 to 1.31, 1.42 to 1.43, 1.48 to 10" in str(
        caught.value
    )
    # A record may hold it, and the plain rule compares p95s themselves.
    plain = text.replace("{p95_ratio", "{method: threshold, p95_ratio")
    endpoint.refuse_undecidable(endpoint.parse(plain, "e.yaml"))


@pytest.mark.parametrize(
    ("ms", "said"),
    [
        ("210", "210 is no edge of the gateway's histogram, so nobody counts it: write 200 or 230"),
        ("0.2", "0.2 is no edge of the gateway's histogram, so nobody counts it: write 0.25"),
        ("50000", "50000 is no edge .* write 40000"),
    ],
)
def test_a_promised_latency_that_is_no_edge_is_refused_with_the_nearest_ones(
    ms: str, said: str
) -> None:
    found = endpoint.parse(f"{GOOD}slo: {{latency: {{ms: {ms}}}}}\n", "e.yaml")
    with pytest.raises(InputError, match=rf"banking77: slo\.latency\.ms: {said}$"):
        endpoint.refuse_unmeasurable(found)


def test_what_is_promised_by_default_can_be_measured() -> None:
    found = endpoint.parse(GOOD, "e.yaml")
    assert found.slo.availability == 0.99
    assert (found.slo.latency.objective, found.slo.latency.ms) == (0.95, 200)
    endpoint.refuse_unmeasurable(found)


LARGE = 10**30


@pytest.mark.parametrize(
    ("change", "to"),
    [
        *(
            ("watch: 30m", f"watch: {each}")
            for each in ("999ms", "721h", f"{'9' * 400}h", "\u0663m")
        ),
        *(("poll: 15s", f"poll: {each}") for each in ("0.0000001ms", "1ms", "2h", "\uff15s")),
        *(("watch: 30m", f"watch: 30m\n  lease: {each}") for each in ("1ms", "2s", "25h")),
        *(("0.85", each) for each in (".nan", ".inf", "-.inf")),
        *(
            ("{min: 0.85}", f"{{min: 0.85}}\n  latency: {{p95_ms: {x}}}")
            for x in (".inf", ".nan", LARGE)
        ),
        *(("0.01}", f"0.01, {each}}}") for each in ("p95_ratio: .nan", "max_extension: .inf")),
        ("0.01}", f"0.01, min_requests: {LARGE}}}"),
        ("category", f"category, rows: {LARGE}"),
        ("release:", f"gateway: {{requests_per_second: {LARGE}}}\nrelease:"),
        ("release:", "gateway: {requests_per_second: 2147483648}\nrelease:"),
        *(
            ("text-classifier", f"text-classifier\n  {each}")
            for each in (
                f"queue: {{requests: {LARGE}}}",
                f"queue: {{tokens: {LARGE}}}",
                "queue: {deadline: 1000000000h}",
                f"execution: {{batch_tokens: {LARGE}}}",
                f"scaling: {{max: {LARGE}}}",
                f"scaling: {{queue_depth: {LARGE}}}",
                'resources: {cpu: "٣"}',
                'resources: {memory: "٣Gi"}',
                f'resources: {{memory: "{LARGE}Gi"}}',
            )
        ),
    ],
)
def test_a_number_that_something_on_the_way_cannot_hold_is_refused(change: str, to: str) -> None:
    assert change in GOOD
    assert len(refused(GOOD.replace(change, to, 1)).splitlines()) == 1


def test_the_largest_numbers_are_taken() -> None:
    text = GOOD.replace("watch: 30m", "watch: 720h\n  lease: 24h")
    text = text.replace("release:", "gateway: {requests_per_second: 2147483647}\nrelease:")
    assert endpoint.parse(text, "e.yaml").release.watch == seconds("720h")


def test_a_file_with_many_faults_tells_of_the_first() -> None:
    many = GOOD.replace("steps: [10, 50, 100]", f"steps: [{', '.join('x' * 300)}]")
    *first, last = refused(many).splitlines()
    assert (len(first), last) == (20, "e.yaml: and 280 more")


@pytest.mark.parametrize("ratio", ["1.2", "1.25", "1.3", "1.5", "2", "3"])
def test_the_usual_p95_ratios_can_be_decided(ratio: str) -> None:
    text = GOOD.replace("{error_rate: 0.01}", f"{{p95_ratio: {ratio}}}")
    endpoint.refuse_undecidable(endpoint.parse(text, "e.yaml"))
