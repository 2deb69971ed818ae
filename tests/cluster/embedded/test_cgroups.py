import shutil
import threading
from pathlib import Path

from cluster.embedded import cgroups

BOTH = """9:name=systemd:/user
4:memory:/mine/a:b
2:cpu,cpuacct:/
0::/user
"""


def test_every_hierarchy_is_found_with_its_own_path() -> None:
    systemd, memory, cpu, _ = cgroups.hierarchies(BOTH)
    assert systemd.group == Path("/sys/fs/cgroup/systemd/user")
    assert memory.group == Path("/sys/fs/cgroup/memory/mine/a:b")
    assert cpu.group == Path("/sys/fs/cgroup/cpu,cpuacct")


def test_what_is_missing_of_version_1_is_named() -> None:
    assert cgroups.missing(cgroups.hierarchies("0::/\n")) == list(cgroups.NEEDED)
    listed = "".join(f"{n}:{name}:/\n" for n, name in enumerate(cgroups.NEEDED, 1))
    assert cgroups.missing(cgroups.hierarchies(listed)) == []


def test_a_node_that_never_was_has_nothing_to_remove() -> None:
    cgroups.remove("sluice-of-no-test")
    assert cgroups.members("sluice-of-no-test") == set()


def test_pods_that_come_and_go_meanwhile_hide_no_process(tmp_path: Path) -> None:
    """As their groups do while these are listed."""
    (tmp_path / "cgroup.procs").write_text("7\n")
    over = threading.Event()

    def churn() -> None:
        while not over.is_set():
            pod = tmp_path / "kubepods" / "pod" / "container"
            pod.mkdir(parents=True)
            (pod / "cgroup.procs").write_text("8\n")
            shutil.rmtree(tmp_path / "kubepods")

    pods = threading.Thread(target=churn)
    pods.start()
    try:
        assert all(7 in cgroups._members(tmp_path) for _ in range(500))
    finally:
        over.set()
        pods.join()
