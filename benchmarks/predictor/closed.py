"""Closed loop: so many connections, each sending its next request when it was answered (wrk)."""

import json
import math
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_SCRIPT = Path(__file__).with_name("closed.lua")


@dataclass(frozen=True)
class Closed:
    """What wrk saw; times in milliseconds."""

    per_second: float
    """Right answers."""
    requests: int
    failed: int
    p50: float
    p95: float
    p99: float


def closed_loop(
    url: str, bodies: Sequence[bytes], connections: int, seconds: float, key: str | None = None
) -> Closed:
    """Send ``bodies`` in turn over ``connections``, with the client's ``key`` if there is one.

    Raises:
        RuntimeError: wrk is missing or failed.
    """
    if shutil.which("wrk") is None:
        raise RuntimeError("wrk is missing: apt-get install wrk")
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"\n".join(bodies))
        file.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{math.ceil(seconds)}s", "--timeout", "10s"]
        done = subprocess.run(
            [*command, "-s", str(_SCRIPT), url],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "BODIES": file.name, **({"API_KEY": key} if key else {})},
        )
    if done.returncode:
        raise RuntimeError(f"wrk: {done.stderr or done.stdout}")
    return Closed(**json.loads(done.stdout.rsplit("RESULT ", 1)[1]))
