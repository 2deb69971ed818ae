"""Model versions as running predictors."""

from contextlib import suppress
from dataclasses import replace

import pytest

from components.endpoint import Endpoint
from components.errors import PlatformError
from components.platform import Serving
from tests.support.endpoints import endpoint as make_endpoint
from tests.support.rigs import Rig


@pytest.fixture
def serving(rig: Rig) -> Serving:
    return rig.platform.serving


def test_what_was_never_created_is_absent(serving: Serving, fresh: Endpoint) -> None:
    assert serving.readiness(fresh.name, "1").state == "absent"
    assert serving.versions(fresh.name) == []
    with pytest.raises(PlatformError, match="not served"):
        serving.url(fresh.name, "1")
    serving.delete(fresh.name, "1")


def test_versions_that_answer_are_ready_and_have_addresses(
    serving: Serving, served: Endpoint
) -> None:
    for version in ("1", "2"):
        assert serving.readiness(served.name, version).state == "ready"
    assert sorted(serving.versions(served.name)) == ["1", "2"]
    urls = {serving.url(served.name, version) for version in ("1", "2")}
    assert len(urls) == 2
    assert all("://" in url and not url.endswith("/") for url in urls)


def test_each_predictor_that_runs_is_told_with_its_arm(serving: Serving, served: Endpoint) -> None:
    found = serving.running(served.name)
    assert {each.arm for each in found} == {"1", "2"}
    assert all(each.ready for each in found)
    assert serving.running("nobody") == []


def test_a_version_that_is_created_again_is_kept(
    rig: Rig, serving: Serving, served: Endpoint
) -> None:
    url = serving.url(served.name, "1")
    serving.create(served, rig.stored(served, "1"))
    assert serving.readiness(served.name, "1").state == "ready"
    assert serving.url(served.name, "1") == url
    assert sorted(serving.versions(served.name)) == ["1", "2"]


def test_a_version_is_known_as_soon_as_it_was_created_and_gone_when_it_was_deleted(
    rig: Rig, serving: Serving, fresh: Endpoint
) -> None:
    serving.create(fresh, rig.stored(fresh, "7"))
    assert serving.versions(fresh.name) == ["7"]
    assert serving.readiness(fresh.name, "7").state in {"starting", "ready"}
    rig.wait_ready(fresh.name, "7")
    for _ in range(2):
        serving.delete(fresh.name, "7")
        assert serving.versions(fresh.name) == []
        assert serving.readiness(fresh.name, "7").state == "absent"


def test_a_version_that_is_told_to_go_is_told_again_where_nobody_waited(
    rig: Rig, serving: Serving, fresh: Endpoint
) -> None:
    serving.create(fresh, rig.stored(fresh, "7"))
    rig.wait_ready(fresh.name, "7")
    with suppress(PlatformError):
        serving.delete(fresh.name, "7", 0.0)
    serving.delete(fresh.name, "7")
    assert serving.versions(fresh.name) == []
    assert serving.running(fresh.name) == []


def test_a_version_that_cannot_be_loaded_says_why_at_once(
    rig: Rig, serving: Serving, fresh: Endpoint
) -> None:
    serving.create(fresh, rig.unloadable(fresh, "8"))

    def failed() -> bool:
        found = serving.readiness(fresh.name, "8")
        assert found.state in {"starting", "failed"}
        return found.state == "failed"

    rig.wait(failed, "the reason", 120)
    why = serving.readiness(fresh.name, "8").why
    assert "model.onnx" in why
    assert "\n" not in why
    assert serving.versions(fresh.name) == ["8"]
    serving.delete(fresh.name, "8")
    assert serving.readiness(fresh.name, "8").state == "absent"


def test_a_version_that_can_never_run_is_told_in_one_line_before_it_is_created(
    rig: Rig, serving: Serving, fresh: Endpoint
) -> None:
    stored = rig.stored(fresh, "9", {"model.txt": rig.name().encode()})
    assert stored.size > 0
    assert serving.unfit(fresh, stored) == ""
    assert serving.unfit(fresh, replace(stored, size=0)) == ""  # nobody knows
    why = serving.unfit(fresh, replace(stored, size=2**60))
    assert "version 9 has 1 EiB of files" in why
    assert fresh.name in why
    assert "\n" not in why
    assert serving.versions(fresh.name) == []


def test_a_version_with_a_share_is_not_deleted(
    rig: Rig, serving: Serving, routed: Endpoint
) -> None:
    rig.split(routed.name, {"1": 90, "2": 10})
    for version in ("1", "2"):
        with pytest.raises(PlatformError, match=r"still gets \d+% of the traffic"):
            serving.delete(routed.name, version)
        assert serving.readiness(routed.name, version).state == "ready"
    assert {rig.ask(routed.name).status for _ in range(20)} == {200}


def test_a_version_that_has_nothing_may_be_deleted_under_traffic(
    rig: Rig, serving: Serving, fresh: Endpoint
) -> None:
    for version in ("1", "2"):
        rig.create(fresh, version)
    rig.split(fresh.name, {"1": 50, "2": 50})
    rig.split(fresh.name, {"1": 100, "2": 0})
    serving.delete(fresh.name, "2")
    assert serving.versions(fresh.name) == ["1"]
    assert {rig.ask(fresh.name).version for _ in range(20)} == {"1"}


def test_two_versions_of_one_number_serve_side_by_side(
    rig: Rig, serving: Serving, fresh: Endpoint
) -> None:
    assert serving.stored(fresh.name, "1") is None
    first = rig.stored(fresh, "1")
    other = replace(first, model="another")
    serving.create(fresh, first)
    serving.create(fresh, other, "1-0a1b2c3d")
    assert sorted(serving.versions(fresh.name)) == ["1", "1-0a1b2c3d"]
    assert serving.stored(fresh.name, "1") == first
    assert serving.stored(fresh.name, "1-0a1b2c3d") == other
    rig.wait_ready(fresh.name, "1")
    rig.split(fresh.name, {"1": 100})
    with pytest.raises(PlatformError, match="serves users from other files"):
        serving.create(fresh, other)
    assert serving.stored(fresh.name, "1") == first


def test_names_are_told_apart(rig: Rig, serving: Serving) -> None:
    name = rig.name("n")
    long = make_endpoint(rig.name("long").ljust(41, "x"), model="M" * 81)
    served = [
        (make_endpoint(name), "1-v2"),
        (make_endpoint(f"{name}-v1"), "2"),
        (make_endpoint(name), "Größe 2/b"),
        (long, "20261126"),
    ]
    try:
        for endpoint, version in served:
            serving.create(endpoint, rig.stored(endpoint, version))
        assert sorted(serving.versions(name)) == ["1-v2", "Größe 2/b"]
        assert serving.versions(f"{name}-v1") == ["2"]
        assert serving.versions(long.name) == ["20261126"]
        assert len({serving.url(endpoint.name, version) for endpoint, version in served}) == 4
    finally:
        for endpoint, version in served:
            serving.delete(endpoint.name, version)
    assert [serving.versions(endpoint.name) for endpoint, _ in served] == [[], [], [], []]


def test_when_predictors_were_there_is_known_after_they_are_gone(
    rig: Rig, serving: Serving, fresh: Endpoint
) -> None:
    clock = rig.platform.clock
    assert serving.spans(fresh.name) == []
    before = clock.time()
    serving.create(fresh, rig.stored(fresh, "1"))
    priced = fresh.model_copy(
        update={"serving": fresh.serving.model_copy(update={"price": "local/machine"})}
    )
    serving.create(priced, rig.stored(fresh, "2"))
    serving.create(priced, rig.stored(fresh, "2"))
    serving.note()
    found = {span.version: span for span in serving.spans(fresh.name)}
    assert [(v, s.price, s.end) for v, s in found.items()] == [
        ("1", "", None),
        ("2", "local/machine", None),
    ]
    assert all(before - 0.01 <= span.start <= clock.time() for span in found.values())
    rig.wait_ready(fresh.name, "1")
    serving.delete(fresh.name, "1")
    serving.delete(fresh.name, "1")
    serving.create(priced, rig.stored(fresh, "1"))
    serving.note()
    spans = [span for span in serving.spans() if span.endpoint == fresh.name]
    assert [(s.version, s.price, s.end is None) for s in spans] == [
        ("1", "", False),
        ("2", "local/machine", True),
        ("1", "local/machine", True),
    ]
    assert spans[0].end is not None
    assert before <= spans[0].end <= spans[2].start + 0.01


def test_a_predictor_that_costs_something_else_has_a_new_span(
    rig: Rig, serving: Serving, fresh: Endpoint
) -> None:
    for price in (None, "local/machine"):
        settings = fresh.serving.model_copy(update={"price": price})
        serving.create(fresh.model_copy(update={"serving": settings}), rig.stored(fresh, "1"))
    first, second = serving.spans(fresh.name)
    assert (first.price, second.price, second.end) == ("", "local/machine", None)
    assert first.end == pytest.approx(second.start, abs=0.002)
