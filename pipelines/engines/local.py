"""One release on this machine: `python -m pipelines.engines.local ENDPOINT VERSION RELEASE_ID`.

This is the engine's process. Whatever stops the pipeline, the release is finalized from its record
before this process ends, unless it is killed; then the reaper does it.
"""

import os
import sys

from components import endpoint as endpoints
from components.errors import SluiceError
from components.platform import connect
from components.release import steps
from components.release.journal import journal
from components.release.lease import ENGINE, this_process
from pipelines import compiler
from pipelines.engines import local_runner


def watched_steps(endpoint: str, release_id: str) -> int:
    """How many steps the release watches: from its record if it has begun, else from the file."""
    log = journal(connect().home, release_id)
    found = log.state().endpoint if log.exists() else endpoints.find(endpoint)
    return sum(step < 100 for step in found.release.steps)


def main(endpoint: str, version: str, release_id: str) -> int:
    """Run the release's compiled pipeline; 0 if the engine ran it to its end."""
    # The steps' processes inherit it: one run holds the lease under one name.
    os.environ[ENGINE] = this_process()
    try:
        package = compiler.package(watched_steps(endpoint, release_id))
        inputs = {"endpoint": endpoint, "version": version, "release_id": release_id}
        local_runner.run(package, inputs)
    except (SluiceError, local_runner.Terminated) as error:
        sys.stderr.write(f"sluice: {error}\n")
        return 1
    finally:
        steps.finalize(release_id)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
