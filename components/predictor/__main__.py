"""`python -m components.predictor`: serve one model version until SIGTERM."""

import asyncio
import logging
import sys

from components.errors import SluiceError
from components.predictor.arguments import parse


def main() -> int:
    """Serve as the command line says; returns the exit code."""
    settings = parse()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")

    import uvloop

    from components.predictor.server import serve

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(settings))
    except SluiceError as error:
        sys.stderr.write(f"sluice predictor: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
