"""How a predictor's process is started."""

import sys
from pathlib import Path

from components.arms import version_of
from components.endpoint import Endpoint
from components.predictor.arguments import arguments
from local.predictors import Backend, program_name
from local.servers.program import Program

DRAIN_MARGIN_S = 5.0
"""How much longer than its queue's deadline a predictor may take for its last answers."""


def program(endpoint: Endpoint, backend: Backend, folder: Path) -> Program:
    """The process that serves the files in ``folder``."""
    serving = endpoint.serving
    command = [
        sys.executable,
        "-m",
        "components.predictor",
        f"--bundle={folder}",
        f"--model-name={endpoint.name}",
        f"--model-version={version_of(backend.version)}",
        "--host=127.0.0.1",
        f"--http-port={backend.http_port}",
        f"--grpc-port={backend.grpc_port}",
        f"--grace={serving.queue.deadline + DRAIN_MARGIN_S}",
        *arguments(serving),
    ]
    return Program(
        program_name(backend.endpoint, backend.version),
        tuple(command),
        stop_wait_s=int(serving.queue.deadline) + 15,
    )
