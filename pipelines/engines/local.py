"""The engine of this machine: `kfp.local`, in a process of its own for each run.

A run has a folder ``pipelines/RELEASE/N`` below ``$SLUICE_HOME`` (else ``.sluice`` of the
repository), closed to other users: ``engine.log``, ``failure.json`` (what a step left, see
`components.failure`), ``result.json`` and, if it is not a committed one, the compiled pipeline.
Whatever stops the pipeline, the release is finalized from its record before the process ends,
unless it is killed; then the reaper does it.
"""

import dataclasses
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from components import failure
from components.disk import replace, replace_json
from components.engine import Result, Run
from components.errors import SluiceError

REPOSITORY = Path(__file__).resolve().parents[2]


class LocalEngine:
    """Runs each release in a process of this machine, which outlives whoever submitted it."""

    asks = False

    def __init__(self) -> None:
        self._children: dict[Run, subprocess.Popen[bytes]] = {}

    def release_id(self, endpoint: str, version: str) -> str:
        """See `Engine.release_id`."""
        from components.release.opening import new_release_id

        return new_release_id(endpoint, version, time.time())

    def submit(self, endpoint: str, version: str, release_id: str) -> Run:
        """See `Engine.submit`."""
        folder = _new_folder(release_id)
        log = _log(folder)
        arguments = [str(folder), endpoint, version, release_id]
        with log.open("ab") as output:
            child = subprocess.Popen(
                [sys.executable, "-m", "pipelines.engines.local", *arguments],
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        run = Run(release_id, str(child.pid), str(log))
        self._children[run] = child
        replace(_process_file(folder), run.name)
        return run

    def newest(self, release_id: str) -> Run | None:
        """See `Engine.newest`."""
        folders = {int(f.name): f for f in _runs(release_id).glob("*") if f.name.isdecimal()}
        for _, folder in sorted(folders.items(), reverse=True):
            with suppress(FileNotFoundError):  # its process is being started
                process = _process_file(folder).read_text(encoding="utf-8")
                return Run(release_id, process, str(_log(folder)))
        return None

    def running(self) -> list[Run]:
        """See `Engine.running`: those that this object submitted. Others end by themselves."""
        return [run for run in self._children if self.alive(run)]

    def alive(self, run: Run) -> bool:
        """See `Engine.alive`."""
        import psutil

        if run in self._children:
            return self._children[run].poll() is None
        try:
            command = psutil.Process(int(run.name)).cmdline()
        except psutil.Error:
            return False
        # Another process may have got the number since; one that has just begun shows no command.
        return not command or str(_folder(run)) in command

    def stop(self, run: Run) -> None:
        """See `Engine.stop`."""
        if self.alive(run):
            os.kill(int(run.name), signal.SIGTERM)

    def result(self, run: Run) -> Result:
        """See `Engine.result`."""
        try:
            return Result(**json.loads(_result_file(_folder(run)).read_text(encoding="utf-8")))
        except FileNotFoundError:
            child = self._children.get(run)
            code = child.wait() if child else 1
            began_at = _process_file(_folder(run)).stat().st_mtime
            if left := failure.read(_failure_file(_folder(run))):
                return Result(code, left.error, left.message, began_at)
            how = f"was ended by {signal.Signals(-code).name}" if code < 0 else "ended"
            said = f"the engine {how} before it could say why: see {run.log}"
            return Result(code, "", said, began_at)


def _runs(release_id: str) -> Path:
    named = os.environ.get("SLUICE_HOME")
    home = Path(named).expanduser().resolve() if named else REPOSITORY / ".sluice"
    return home / "pipelines" / release_id


def _new_folder(release_id: str) -> Path:
    release = _runs(release_id)
    for folder in (release.parents[1], release.parent, release):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for number in itertools.count(1):
        folder = release / str(number)
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            continue
        break
    return folder


def _folder(run: Run) -> Path:
    return Path(run.log).parent


def _log(folder: Path) -> Path:
    return folder / "engine.log"


def _process_file(folder: Path) -> Path:
    return folder / "process"


def _failure_file(folder: Path) -> Path:
    return folder / "failure.json"


def _result_file(folder: Path) -> Path:
    return folder / "result.json"


def main(folder: Path, endpoint: str, version: str, release_id: str) -> int:
    """The process of a run: the release's compiled pipeline, and how it ended as ``result.json``.

    Returns:
        0 if the engine ran the pipeline to its end.
    """
    from components.release import steps
    from components.release.context import ENGINE
    from components.release.lease import this_process
    from pipelines.engines.local_runner import Terminated
    from pipelines.engines.scratch import own_temporary_files

    # The steps' processes inherit them: one run holds the lease under one name.
    os.environ[ENGINE] = this_process()
    os.environ[failure.VARIABLE] = str(_failure_file(folder))
    result = Result(0)
    try:
        with own_temporary_files():
            try:
                _run(folder, endpoint, version, release_id)
            finally:
                steps.finalize(release_id)
    except (SluiceError, Terminated) as error:
        sys.stderr.write(f"sluice: {error}\n")
        cause = failure.read(_failure_file(folder)) or failure.of(error)
        result = Result(1, cause.error, cause.message)
    replace_json(_result_file(folder), asdict(dataclasses.replace(result, ended_at=time.time())))
    return result.code


def _run(folder: Path, endpoint: str, version: str, release_id: str) -> None:
    from pipelines import compiler
    from pipelines.engines import local_runner

    package = compiler.package(_watched_steps(endpoint, release_id), folder)
    inputs = {"endpoint": endpoint, "version": version, "release_id": release_id}
    local_runner.run(package, inputs)


def _watched_steps(endpoint: str, release_id: str) -> int:
    """How many steps the release watches: by its record, else by the endpoint's file."""
    from components.platform import connect
    from components.record import Record
    from components.release.state import fold

    platform = connect()
    lines = Record(platform.records, release_id, platform.clock).lines()
    found = fold(lines).endpoint if lines else platform.endpoints.load(endpoint)
    return sum(step < 100 for step in found.release.steps)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:5]))
