"""Whether this machine has room for one predictor more.

Nothing here holds a predictor to what its endpoint's file lets it use, so that is what is counted:
cores by the files of all predictors that are there, memory as the machine has it free now.
"""

from collections.abc import Iterable
from pathlib import Path

from components.endpoint import Endpoint, Resources
from components.platform import Room, StoredVersion
from components.quantity import bytes_of, cores_of, in_words

_GIB = 2**30


def free_memory(proc: Path = Path("/proc"), cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes that can be had: of the machine, and of the container if that has a limit."""
    lines = (proc / "meminfo").read_text(encoding="utf-8").splitlines()
    found = {name: rest.split() for name, _, rest in (line.partition(":") for line in lines)}
    free = int(found["MemAvailable"][0]) * 1024
    try:
        limit, used = (
            int((cgroup / name).read_text(encoding="utf-8"))
            for name in ("memory.max", "memory.current")
        )
    except (OSError, ValueError):
        return free  # no container, or one without a limit ("max")
    return min(free, max(limit - used, 0))


def room(there: Iterable[str], wanted: Resources, cores: int, free: int) -> Room:
    """Whether a predictor that may use ``wanted`` has room.

    Args:
        there: what each predictor that is there may use of the cores, as in its endpoint's file.
        wanted: what the new one may use.
        cores: of the machine.
        free: bytes of memory.
    """
    used = [*map(cores_of, there), cores_of(wanted.cpu)]
    asked = f"{len(used)} predictors may use {sum(used):g} cores"
    if sum(used) > cores:
        return Room(False, f"{asked}, this machine has {cores}")
    memory = f"{free / _GIB:.1f} GiB of memory are free"
    if bytes_of(wanted.memory) > free:
        return Room(False, f"one predictor may use {wanted.memory}, {memory}")
    return Room(True, f"{asked} of {cores}, and {memory}")


def no_disk(endpoint: Endpoint, stored: StoredVersion, free: int) -> str:
    """Why a version's files cannot be copied to this machine's disk; empty: they can.

    Args:
        endpoint: whose.
        stored: the version.
        free: bytes of the disk.
    """
    if stored.size <= free:
        return ""
    return (
        f"{stored.model} version {stored.version} has {in_words(stored.size)} of files, and a"
        f" predictor of {endpoint.name} loads a copy: this machine's disk has {in_words(free)}"
        " free: make room"
    )
