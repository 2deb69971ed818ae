"""What an engine's pages show of a release: read from its record, and never in the way."""

from pathlib import Path

from components.platform import Platform
from components.report import shown
from tests.support.worlds import MODEL, Scene, quick

RELEASE = "rel-demo-v2-1"


def walked() -> tuple[Scene, Platform]:
    demo = quick()
    demo.walk("2", RELEASE)
    return demo, demo.world.platform


def test_the_model_has_its_uri_and_where_its_files_are() -> None:
    demo, platform = walked()
    stored = demo.state(RELEASE).stored("2")
    assert shown.model(RELEASE, platform) == {
        "uri": f"models:/{MODEL}/2",
        "model": MODEL,
        "version": "2",
        "digest": stored.digest,
        "files": stored.uri,
        "release": RELEASE,
    }


def test_the_figures_are_the_record_s() -> None:
    demo, platform = walked()
    assert shown.evaluated(RELEASE, platform)["evaluation.accuracy"] == 0.9
    verdict = demo.state(RELEASE).verdict
    assert verdict
    assert verdict.evidence
    found = shown.watched(RELEASE, platform)
    assert found["candidate.requests"] == verdict.evidence.candidate.requests > 0
    assert found["candidate.error_rate"] == 0.0
    assert found["champion.p95_ms"] == verdict.evidence.champion.p95_ms
    assert found["percent"] == verdict.step
    assert all(isinstance(value, float) for value in found.values())


def test_the_report_is_the_page_that_needs_no_network(tmp_path: Path) -> None:
    _, platform = walked()
    shown.write_page(RELEASE, str(tmp_path / "report"), platform)
    page = (tmp_path / "report").read_text()
    assert RELEASE in page
    assert "<svg" in page


def test_what_cannot_be_read_is_not_shown_and_fails_no_step(tmp_path: Path) -> None:
    demo, platform = walked()
    demo.world.away("records", for_s=60.0)
    for release in (RELEASE, "never-began"):
        assert shown.model(release, platform) == {}
        assert shown.evaluated(release, platform) == {}
        assert shown.watched(release, platform) == {}
        shown.write_page(release, str(tmp_path / "report"), platform)
        assert "no report: " in (tmp_path / "report").read_text()


def test_a_release_that_was_not_evaluated_or_watched_has_no_figures() -> None:
    demo = quick()
    demo.walk("1", RELEASE)  # the champion already
    assert shown.evaluated(RELEASE, demo.world.platform) == {}
    assert shown.watched(RELEASE, demo.world.platform) == {}
