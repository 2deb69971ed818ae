"""Predictors that tests share, and a way to start one of one's own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.bundles import write_bundle
from tests.support.predictors import FIXED, ONE_BY_ONE, Predictor, start

Start = Callable[..., Predictor]


@pytest.fixture(scope="session")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Predictor]:
    """A predictor of a tiny model, shared: leave it as it was."""
    folder = tmp_path_factory.mktemp("predictor")
    running = start(write_bundle(folder / "bundle"), folder / "log", *FIXED)
    yield running
    assert running.stop() == 0, running.log.read_text()


@pytest.fixture(scope="session")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Predictor]:
    """A predictor of a slow model, one row at a time, three may wait; shared: leave it idle."""
    folder = tmp_path_factory.mktemp("slow")
    bundle = write_bundle(folder / "bundle", work=30)
    running = start(bundle, folder / "log", *ONE_BY_ONE, "--queue-requests=3", "--deadline=60")
    yield running
    assert running.stop() == 0, running.log.read_text()


@pytest.fixture
def start_predictor(tmp_path: Path) -> Iterator[Start]:
    """Start predictors that end with the test."""
    started: list[Predictor] = []

    def begin(bundle: Path, *flags: str, runtime: str = "text-classifier") -> Predictor:
        log = tmp_path / f"predictor-{len(started)}.log"
        started.append(start(bundle, log, *flags, runtime=runtime))
        return started[-1]

    yield begin
    for running in started:
        running.process.kill()
        running.process.wait()
