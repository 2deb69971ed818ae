"""How long the command line takes to answer, whole processes."""

import subprocess
import sysconfig
import time
from pathlib import Path

from benchmarks.figures import line

SLUICE = str(Path(sysconfig.get_path("scripts"), "sluice"))
RUNS = 10


def seconds(*arguments: str) -> float:
    """Wall time of one command."""
    began = time.perf_counter()
    subprocess.run([SLUICE, *arguments], check=True, capture_output=True)
    return time.perf_counter() - began


def main() -> None:
    """Print the times."""
    print(f"{'':<44} {'min':>8} {'median':>8} {'max':>8}")
    for arguments in (("--help",), ("release", "--help"), ("validate",)):
        seconds(*arguments)
        print(
            line(f"sluice {' '.join(arguments)}", [seconds(*arguments) for _ in range(RUNS)], "s")
        )


if __name__ == "__main__":
    main()
