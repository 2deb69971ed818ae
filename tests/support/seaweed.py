"""A SeaweedFS of the test's own, as the object store of a platform that is no laptop's."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from components.platform import wait_for
from local import credentials
from local.home import Home
from local.servers import seaweed
from tests.support.predictors import free_port

_PORTS = ("s3", "s3_grpc", "s3_master", "s3_volume", "s3_filer")


class Store(NamedTuple):
    """A running store with the buckets of the laptop's."""

    url: str
    access: str
    secret: str


@contextmanager
def object_store(folder: Path) -> Iterator[Store]:
    """A store that keeps everything in ``folder``."""
    home = Home(folder)
    home.make()
    credentials.make(home)
    names = [*_PORTS, *(f"{name}_grpc" for name in _PORTS[2:])]
    ports = {name: free_port() for name in names}
    environment = seaweed.write_credentials(home, ports["s3"])
    server = seaweed.server(home, ports)
    with (folder / "log").open("wb") as log:
        running = subprocess.Popen(server.program.command, stdout=log, stderr=log)
        try:
            wait_for(lambda: server.healthy() is None, 60, 0.1, (folder / "log").read_text)
            seaweed.make_buckets(home, ports["s3"])
            yield Store(environment["AWS_ENDPOINT_URL"], *credentials.s3_keys(home))
        finally:
            running.kill()
            running.wait()
            seaweed.remove_sockets(ports)
