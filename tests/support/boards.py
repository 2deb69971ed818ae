"""Every target of every board, asked of a platform's own Prometheus."""

import time
from collections.abc import Iterator

from components.platform import Platform
from dashboards import boards, vocabulary
from dashboards.live import look, server
from dashboards.live.look import Look

NO_DRIFT = "no drift job runs yet"
NO_RELEASE = "no release is under way"
EMPTY = {
    ("drift", "Alarms"): NO_DRIFT,
    ("drift", "Last run"): NO_DRIFT,
    ("drift", "Evidence against its bound"): NO_DRIFT,
    ("fleet", "Endpoints", "H"): NO_DRIFT,
    ("fleet", "Endpoints", "I"): NO_RELEASE,
    ("release", "Lease left"): NO_RELEASE,
}
"""What has nothing to show on a good day: a panel, or one target of it."""


def looks(platform: Platform, endpoint: str, start: float) -> Iterator[tuple[str, Look]]:
    """Every board as it is now, from ``start`` on."""
    with server.connected(platform.metrics.url) as prometheus:
        for name in boards.NAMES:
            board = boards.load(name)
            names = {variable["name"] for variable in board["templating"]["list"]}
            given = {"endpoint": [endpoint]} if "endpoint" in names else {}
            yield name, look.at(board, prometheus, given, start, time.time())


def unknown(platform: Platform) -> set[tuple[str, str]]:
    """What the boards take to be scraped, of a type, and is not."""
    wanted = {
        (name, str(kind))
        for metrics in vocabulary.SCRAPED.values()
        for name, kind in metrics.items()
    }
    with server.connected(platform.metrics.url) as prometheus:
        return wanted - prometheus.types().items()


def faults(platform: Platform, endpoint: str, start: float) -> list[str]:
    """Variables and targets without a value that are not listed, and queries that are wrong."""
    found = []
    for name, seen in looks(platform, endpoint, start):
        found += [
            f"{name}: no {variable}"
            for variable, values in seen.choice.values.items()
            if not values
        ]
        for answer in seen.answers:
            where = f"{name}: {answer.title!r} {answer.ref}"
            expected = EMPTY.keys() & {(name, answer.title), (name, answer.title, answer.ref)}
            if answer.is_empty and not expected:
                found.append(f"{where} is empty: {answer.query}")
            if "$" in answer.query:
                found.append(f"{where} has a variable left: {answer.query}")
    return found
