"""`python -m components.exporter`: answer Prometheus' scrapes until SIGTERM."""

import argparse
import logging
import signal
import sys
import threading

from components.errors import PlatformError, SluiceError
from components.exporter import Exporter
from components.exporter.server import Server
from components.platform import Platform, connect

AGAIN_S = 0.5
"""Between two tries to find the platform, which starts this process before it is up."""


def main() -> int:
    """Serve as the command line says; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m components.exporter", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    asked = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    ended = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: ended.set())
    try:
        platform = _platform(ended)
    except SluiceError as error:
        sys.stderr.write(f"sluice exporter: {error}\n")
        return 1
    if platform is None:
        return 0
    server = Server(Exporter(platform), asked.host, asked.port)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    ended.wait()
    server.shutdown()
    return 0


def _platform(ended: threading.Event) -> Platform | None:
    """The platform in use, as soon as it is up; None if this process is to end before.

    Raises:
        InputError: no installed package offers it.
    """
    while not ended.is_set():
        try:
            return connect()
        except PlatformError as error:
            logging.getLogger("sluice.exporter").info("%s", error)
            ended.wait(AGAIN_S)
    return None


if __name__ == "__main__":
    sys.exit(main())
