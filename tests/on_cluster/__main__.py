"""`make cluster-test`: what needs a Kubernetes, on an embedded one or on that of ``$KUBECONFIG``.

Each phase is a line with its seconds. For CI, ``--until`` says when to be done (seconds since the
epoch): what cannot be had by then, or at all, is told loudly with what was therefore not tested,
and is no failure. ``$SLUICE_TEST_CLUSTER`` names a folder whose cluster is used and left up.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from cluster.connect import NAMESPACE
from cluster.embedded import doctor, lifecycle
from cluster.embedded.controllers.sluice import TEAM
from cluster.embedded.home import Home, cache
from components.disk import locked
from components.printing import say
from tests.support.traces import traces

SLUICE = str(Path(sysconfig.get_path("scripts"), "sluice"))
NODE, SERVER = "tests/cluster", "tests/manifests"
"""What starts and looks at the node itself, and what needs an API server alone and starts it; all
else is asked from inside of the node's network."""
ALONE = "tests/on_cluster/alone"
"""What takes the cluster's own parts away from all who are on it: nothing is run beside it, and all
of it is long."""
LAST = "tests/on_cluster/last"
"""What leaves no installation to be tried: the end of all, where the cluster ends with it."""
_APART = (f"--ignore={each}" for each in (NODE, SERVER, ALONE, LAST))
INSIDE = (*_APART, "-n3", "--no-loadscope-reorder", "tests")
"""Three at a time: releases mostly wait. The groups, and their order, are tests/conftest.py's."""
TESTS_S = 600.0
"""Seconds that the tests want at least, once the cluster is up."""
_ENDS_S = 30.0
"""Between the interrupt and the end of what is late."""


class Lacking(Exception):
    """Something that the tests stand on cannot be had; the text says what."""


@dataclass(frozen=True)
class Run:
    """How one run is done."""

    until: float | None
    marked: str
    """Which tests, as pytest's ``-m`` has it."""
    failed: list[str]

    def left(self, kept: float = 0.0) -> float | None:
        """Seconds that are left when ``kept`` of them are wanted afterwards; None: no limit."""
        if self.until is None:
            return None
        left = self.until - time.time() - kept
        if left <= 0:
            raise Lacking("time")
        return left

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time what is done in the block."""
        began = time.monotonic()
        try:
            yield
        finally:
            say(f"cluster-test: {name:<32} {time.monotonic() - began:7.1f} s")

    def call(self, command: Sequence[str], more: Mapping[str, str], kept: float = 0.0) -> int:
        """Run a program; its exit code.

        Raises:
            Lacking: it is not done in time, and was ended.
        """
        left = self.left(kept)
        sys.stdout.flush()
        with subprocess.Popen(command, env={**os.environ, **more}) as process:
            try:
                return process.wait(left)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGINT)
                try:
                    process.wait(_ENDS_S)
                except subprocess.TimeoutExpired:
                    process.kill()
                raise Lacking(f"time for {' '.join(map(str, command[:4]))}") from None

    def tests(self, name: str, before: Sequence[str], which: Sequence[str], **more: str) -> None:
        """Run tests by a command that begins with ``before``."""
        command = [*before, sys.executable, "-m", "pytest", "-q", "-m", self.marked, *which]
        with self.phase(name):
            if self.call(command, more):
                self.failed.append(name)


def main() -> int:
    """Run the tests; 0 if those that were run have passed."""
    options = argparse.ArgumentParser(prog="python -m tests.on_cluster", description=__doc__)
    options.add_argument("--until", type=float, help="for CI, see above")
    options.add_argument("--install", action="store_true", help="install packages that are missing")
    options.add_argument("--all", action="store_true", help="and those that are long")
    given = options.parse_args()
    run = Run(given.until, "cluster" if given.all else "cluster and not long", [])
    try:
        if named := os.environ.get("KUBECONFIG"):
            say(f"cluster-test: the cluster of {named}")
            run.tests("tests", (), INSIDE)
            say(f"cluster-test: not run on a cluster that others may use: {ALONE}, {LAST}")
            for each in (NODE, SERVER):
                own = (f"--ignore={NODE}/embedded", each)
                run.tests("tests of an API server", ("env", "-u", "KUBECONFIG"), own)
        else:
            kept = os.environ.get("SLUICE_TEST_CLUSTER")
            with nullcontext(Home(Path(kept))) if kept else _fresh() as home:
                _on_a_node(run, home, install=given.install, stays=bool(kept))
    except Lacking as error:
        say(f"cluster-test: NOT TESTED on a Kubernetes, for want of {error}")
        return 0 if run.until is not None and not run.failed else 1
    for name in run.failed:
        say(f"cluster-test: FAILED: {name}")
    return 1 if run.failed else 0


@contextmanager
def _fresh() -> Iterator[Home]:
    """A home with nothing of an earlier run but the images in its node, which cost minutes."""
    home = Home(cache() / "tests")
    home.path.mkdir(parents=True, exist_ok=True)
    with locked(cache() / "tests.lock"):
        lifecycle.down(home)
        for each in {*home.path.iterdir()} - {home.containerd}:
            shutil.rmtree(each) if each.is_dir() else each.unlink()
        yield home


def _on_a_node(run: Run, home: Home, *, install: bool, stays: bool) -> None:
    with run.phase("machine"):
        _prepare(home, install=install)
    before = traces(home.path, home.node)
    own = {"SLUICE_CLUSTER_HOME": str(home.path)}
    try:
        with run.phase("cluster up"):
            if run.call([SLUICE, "cluster", "up"], own, TESTS_S):
                if not doctor.all_built():
                    raise Lacking("programs that cannot be built: see above")
                run.failed.append("sluice cluster up")
                return
        run.tests("tests of the node", (), (NODE,), SLUICE_TEST_CLUSTER=str(home.path))
        run.tests("tests of an API server", (), (SERVER,))
        every = "not long" not in run.marked
        if every:
            with run.phase("an earlier Sluice's steps"):
                run.call([sys.executable, "-m", "tests.support.earlier"], own)
        inside = (SLUICE, "cluster", "run")
        run.tests("tests in the cluster", inside, INSIDE, **own, **{NAMESPACE: TEAM})
        if every:
            run.tests("tests alone", inside, ("-n0", ALONE), **own, **{NAMESPACE: TEAM})
        if every and stays:
            say(f"cluster-test: not run on a cluster that stays: {LAST}")
        elif every:
            run.tests("tests of the removal", inside, ("-n0", LAST), **own, **{NAMESPACE: TEAM})
    finally:
        if not stays:
            with run.phase("cluster down"):
                subprocess.run([SLUICE, "cluster", "down"], env={**os.environ, **own}, check=True)
    left = [] if stays else traces(home.path, home.node).left(before)
    run.failed.extend(f"`sluice cluster down` leaves {each}" for each in left)


def _prepare(home: Home, *, install: bool) -> None:
    """Install what is missing, if that is wanted.

    Raises:
        Lacking: something is missing still.
    """
    found = [each for each in doctor.examine(home) if each.fix]
    if found and install and found[0].fix.startswith("apt-get "):
        # One that was never asked for its packages knows of none.
        command = f"apt-get update -qq && {found[0].fix} --yes -qq"
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(
            ["/bin/sh", "-c", command], env=quiet, stdout=subprocess.DEVNULL, check=False
        )
        found = [each for each in doctor.examine(home) if each.fix]
    for each in found:
        raise Lacking(f"{each.what} ({each.found}: {each.fix})")


if __name__ == "__main__":
    sys.exit(main())
