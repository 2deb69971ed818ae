"""Programs that are run to their end, and asked for no more than what they print."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from components.errors import PlatformError


def output(
    command: Sequence[str],
    failing: str,
    *,
    given: str = "",
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> str:
    """What the program prints.

    Args:
        command: the program and its arguments.
        failing: what the error begins with.
        given: its standard input.
        cwd: the folder it runs in; default: this process's.
        env: its environment; default: this process's.

    Raises:
        PlatformError: it fails; with the last line that it said.
    """
    done = subprocess.run(
        command, input=given, cwd=cwd, env=env, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines() or ["no word"]
        raise PlatformError(f"{failing}: {said[-1]}")
    return done.stdout
