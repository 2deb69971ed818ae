"""What a dynamically linked program needs in an image that has nothing else."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from components.errors import PlatformError

_LIBRARY = re.compile(r"^\s*(?:\S+ => )?(/\S+) \(0x", re.MULTILINE)


def with_libraries(programs: Mapping[str, Path]) -> dict[str, Path]:
    """The programs, and each library of this machine that they load, where they look for it.

    Raises:
        PlatformError: a library is missing here.
    """
    files = dict(programs)
    for program in programs.values():
        done = subprocess.run(
            ["/usr/bin/ldd", str(program)], capture_output=True, text=True, check=False
        )
        if done.returncode != 0 or "not found" in done.stdout:
            raise PlatformError(f"{program} does not run here: {done.stdout or done.stderr}")
        files |= {path.lstrip("/"): Path(path) for path in _LIBRARY.findall(done.stdout)}
    return files
