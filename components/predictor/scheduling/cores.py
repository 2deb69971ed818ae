"""How many cores this process may use."""

import os
from pathlib import Path


def available_cores(cgroup: Path = Path("/sys/fs/cgroup"), affinity: int | None = None) -> int:
    """Whole cores by affinity and by the cgroup's quota (v2 or v1), at least 1.

    Args:
        cgroup: where control groups are mounted.
        affinity: cores on which the scheduler may put this process; by default it is asked.
    """
    cores = affinity or len(os.sched_getaffinity(0))
    quota = _quota(cgroup)
    return max(1, int(min(cores, quota) if quota else cores))


def _quota(cgroup: Path) -> float | None:
    """Cores by the quota of the tightest cgroup, or None when there is no limit.

    Inside a container its own group is mounted at the root; on a host the process's group is below.
    """
    own = _own_group()
    folders = [cgroup, *(cgroup / part for part in (own, *own.parents))]
    limits = [limit for folder in folders if (limit := _limit(folder)) is not None]
    return min(limits, default=None)


def _own_group() -> Path:
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return Path()
    unified = [line.removeprefix("0::").lstrip("/") for line in lines if line.startswith("0::")]
    return Path(unified[0]) if unified else Path()


def _limit(folder: Path) -> float | None:
    try:
        quota, period = (folder / "cpu.max").read_text(encoding="utf-8").split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        pass
    try:
        cpu = folder / "cpu"
        quota = (cpu / "cpu.cfs_quota_us").read_text(encoding="utf-8")
        period = (cpu / "cpu.cfs_period_us").read_text(encoding="utf-8")
        return int(quota) / int(period) if int(quota) > 0 else None
    except (OSError, ValueError):
        return None
