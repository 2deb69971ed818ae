"""The exporter: a scrape where the platform has 1,000 records, and what all of it takes at rest."""

import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from benchmarks.figures import line
from benchmarks.platform import sluice
from components.platform import wait_for

RECORDS = 1000
ENDPOINTS = 10
WRITERS = 8
SCRAPES = 100
ALL_READ_S = 300
REST_S = 30
"""After what starts has started."""


def main() -> None:
    """Print the figures; the platform is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as home:
        os.environ["SLUICE_HOME"] = home
        try:
            sluice("up")
            _memory(Path(home))
            _scrapes(Path(home))
        finally:
            sluice("down")
            del os.environ["SLUICE_HOME"]


def _memory(home: Path) -> None:
    from local import lifecycle
    from local.home import Home

    time.sleep(REST_S)
    found = {each.name: each.memory_mb or 0.0 for each in lifecycle.status(Home(home))}
    of_each = ", ".join(f"{name} {memory:.0f}" for name, memory in found.items())
    print(f"{'memory of the platform at rest':<44} {sum(found.values()):8.0f} MB  ({of_each})")


def _scrapes(home: Path) -> None:
    from components.platform import connect
    from components.record import Body, Ended
    from local.home import Home
    from local.servers import exporter_server, ports, supervision
    from tests.support.worlds import quick

    scene = quick()
    scene.walk("2", "r")
    bodies = [written.body for written in scene.record("r")]
    end = next(at for at, body in enumerate(bodies) if isinstance(body, Ended))
    platform = connect()

    def write(number: int, bodies: list[Body], *, close: bool) -> None:
        from msgspec.structs import replace

        from components.record import Opened, Record

        release_id = f"demo-v{number}-20261126-171500-000"
        names = {"release_id": release_id, "endpoint": f"demo{number % ENDPOINTS}"}
        told = [replace(each, **names) if isinstance(each, Opened) else each for each in bodies]
        Record(platform.records, release_id, platform.clock).append(*told)
        if close:
            platform.records.close(release_id)

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(lambda number: write(number, bodies, close=True), range(RECORDS)))
    write(RECORDS, bodies[:end], close=False)
    print(f"{'records, and lines of each':<44} {RECORDS:8d} {len(bodies):8d}")
    kept = ports.kept(Home(home))
    supervision.stop(Home(home), "exporter")
    supervision.start_stopped(Home(home))
    with httpx.Client(base_url=exporter_server.url(kept), trust_env=False) as client:
        _all_read(client)
        took = []
        for _ in range(SCRAPES):
            began = time.perf_counter()
            page = client.get("/metrics").text
            took.append((time.perf_counter() - began) * 1000)
    print(line("a scrape, all but one release over", took, "ms"))
    print(f"{'its samples':<44} {sum(not row.startswith('#') for row in page.splitlines()):8d}")


def _all_read(client: httpx.Client) -> None:
    """Wait until an exporter that was just started has read every record; how long it took."""
    began = time.perf_counter()
    wanted = f'finished_total{{endpoint="demo0",outcome="promoted"}} {RECORDS / ENDPOINTS}'

    def read() -> bool:
        try:
            return wanted in client.get("/metrics", timeout=30).text
        except httpx.ConnectError:
            return False

    wait_for(read, ALL_READ_S, 0.1, lambda: "not all records were read")
    print(f"{'started until all records were read':<44} {time.perf_counter() - began:8.2f} s")


if __name__ == "__main__":
    main()
