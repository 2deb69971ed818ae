"""The predictor's command line: written from an endpoint's file, and read."""

import argparse
import math
from collections.abc import Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import get_args

from components.endpoint import Batching, Execution, Serving
from components.predictor.runtimes import RUNTIMES
from components.predictor.settings import Settings


def arguments(serving: Serving) -> list[str]:
    """The flags for what an endpoint's file says, which do not depend on where it runs."""
    queue = serving.queue
    flags = [
        f"--runtime={serving.runtime}",
        f"--queue-requests={queue.requests}",
        f"--queue-tokens={queue.tokens}",
        f"--deadline={queue.deadline}",
    ]
    for name, value in serving.execution.model_dump(exclude_none=True).items():
        flags.append(f"--{name.replace('_', '-')}={value}")
    return [*flags, "--allow-pickle"] if serving.allow_pickle else flags


def parse(argv: Sequence[str] | None = None) -> Settings:
    """What ``argv`` (by default the process's own) says; exits with usage when it is wrong."""
    given = vars(_parser().parse_args(argv))
    execution = Execution(**{name: given.pop(name) for name in Execution.model_fields})
    return Settings(**given, execution=execution)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m components.predictor",
        description="Serve one model version over KServe's V1, V2 and gRPC protocols.",
        epilog="Example: python -m components.predictor --bundle bundles/m/3 "
        "--runtime text-classifier --model-name banking77 --model-version 3",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(**{f.name: f.default for f in fields(Settings) if f.default is not MISSING})
    add = parser.add_argument
    add("--bundle", type=Path, required=True, help="folder of the verified model files")
    add("--runtime", choices=tuple(RUNTIMES), required=True, help="kind of model")
    add("--model-name", required=True, help="name in the request path")
    add("--model-version", required=True, help="version in answers and metrics")
    add("--host", help="address to listen on")
    add("--http-port", type=_positive, help="port of V1 and V2")
    add("--grpc-port", type=_positive, help="port of gRPC")
    add("--queue-requests", type=_positive, help="requests that may wait")
    add("--queue-tokens", type=_positive, help="tokens that may wait")
    add("--deadline", type=_seconds, help="seconds from arrival to answer")
    add("--max-body", type=_positive, help="bytes of a request's body")
    add("--receive-timeout", type=_seconds, help="seconds a client may take to send a request")
    add("--listen-when-ready", action="store_true", help="refuse connections until it can answer")
    add("--stay", type=_seconds, help="seconds after SIGTERM to serve on while somebody asks")
    add("--leave", type=_seconds, help="seconds after that in which clients are told to leave")
    add("--grace", type=_seconds, help="seconds after that to finish what was accepted")
    add("--allow-pickle", action="store_true", help="load a model that contains a pickle")
    add("--executors", type=_positive, help="batches side by side; calibrated when absent")
    add("--threads", type=_positive, help="threads of each; calibrated when absent")
    add(
        "--batching",
        choices=get_args(Batching),
        help="which rows may share a batch; when absent, never such that answers change",
    )
    add("--batch-tokens", type=_positive, help="rows x longest; calibrated when absent")
    return parser


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is no number of seconds")
    return number


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not positive")
    return number
