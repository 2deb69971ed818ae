"""Model versions as one KServe process each (`components.platform.Serving`)."""

import shutil
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import msgspec

from components import bundle
from components.disk import last_lines, locked, read_json, replace_json
from components.endpoint import Endpoint, Resources
from components.errors import ArtifactError, PlatformError, Unreachable
from components.platform import Files, Readiness, Room, Running, Span, StoredVersion
from components.predictor.scheduling.cores import available_cores
from local import predictors, room
from local.gateway import admin, discovery
from local.home import Home
from local.platform import lost
from local.platform.command import DRAIN_MARGIN_S, program
from local.platform.provisioned import Provisioned
from local.predictors import Backend, program_name
from local.servers import ports, prometheus_server, supervision

_DEADLINE_S = 5.0
"""The queue's deadline of a predictor whose file does not say one."""
_REFUSES = "sluice predictor: "
"""How a predictor begins its last line, which says why it does not serve."""


@dataclass(frozen=True)
class _Kept:
    """What the file of a predictor says."""

    backend: Backend
    stored: StoredVersion | None = None
    deadline: float = _DEADLINE_S
    """The queue's, in seconds."""
    created: float = 0.0
    """Seconds since the epoch."""
    log_from: int = 0
    """How many bytes its log had when it was created."""
    leaving: bool = False
    """It is being deleted: no request may be sent there."""
    cpu: str = Resources().cpu
    """What its endpoint's file says that it may use: `room` counts it."""
    price: str = ""
    """What its endpoint's file says that it costs."""

    @property
    def name(self) -> str:
        return program_name(self.backend.endpoint, self.backend.version)


@dataclass(frozen=True)
class LocalServing:
    """Predictors under the platform's supervisor.

    Args:
        home: the platform's folder.
        files: where versions' verified files come from. A copy of each that has a predictor is
            kept below ``home.bundles``, by its digest.
        provisioned: where it is written when predictors were there.
    """

    home: Home
    files: Files
    provisioned: Provisioned

    def _file(self, endpoint: str, version: str) -> Path:
        return self.home.serving / f"{program_name(endpoint, version)}.json"

    def _read(self, endpoint: str, version: str) -> _Kept | None:
        content = read_json(self._file(endpoint, version))
        return None if content is None else msgspec.convert(content, _Kept)

    def _write(self, kept: _Kept) -> None:
        replace_json(self._file(kept.backend.endpoint, kept.backend.version), asdict(kept))

    def create(
        self,
        endpoint: Endpoint,
        stored: StoredVersion,
        name: str = "",
        patience: float | None = None,
    ) -> None:
        """Start (or keep) a predictor of the version and make it known to the gateway.

        Args:
            endpoint: whose.
            stored: the version's files.
            name: what the version is called there; its number if empty.
            patience: none is needed: one that is leaving serves on.

        Raises:
            ArtifactError: the version's files are missing or were altered.
            PlatformError: users are served other files under the same name.
            Unreachable: the files' store does not answer, or the platform is not up.
        """
        with locked(self._copies):
            name = name or stored.version
            before = self._read(endpoint.name, name)
            if before:
                self._refuse_other_files(before, stored)
                lost.end_if_lost(self.home, before.backend)
            backend = before.backend if before else self._new_backend(endpoint.name, name)
            kept = self._new(endpoint, stored, backend)
            folder = self._copy(stored)
            self._write(kept)
        supervision.write_program(self.home, program(endpoint, kept.backend, folder))
        supervision.update(self.home)
        supervision.start_stopped(self.home, kept.name)
        self.provisioned.began(endpoint.name, name, kept.price, kept.created)
        if before:
            self._forget_copy(before.stored)
        self._write_targets()
        discovery.publish(self.home)

    @property
    def _copies(self) -> Path:
        """The lock of the copies of versions' files, and of who uses them."""
        return self.home.path / "bundles.lock"

    def _refuse_other_files(self, before: _Kept, now: StoredVersion) -> None:
        served = before.stored.identity if before.stored else now.identity
        if served != now.identity and self._share(before.backend):
            raise PlatformError(
                f"{before.backend.endpoint} version {before.backend.version} serves users from"
                f" other files ({served.model} {served.digest[:12]}, not {now.model}"
                f" {now.digest[:12]}): register the new ones as a version of their own"
            )

    def _new_backend(self, endpoint: str, version: str) -> Backend:
        known = [each for each, _ in predictors.known(self.home)]
        taken = [port for each in known for port in (each.http_port, each.grpc_port)]
        taken += ports.kept(self.home).values()
        return Backend(endpoint, version, *ports.choose(2, taken))

    def _new(self, endpoint: Endpoint, stored: StoredVersion, backend: Backend) -> _Kept:
        log = self.home.logs / f"{program_name(backend.endpoint, backend.version)}.log"
        return _Kept(
            backend,
            stored,
            deadline=endpoint.serving.queue.deadline,
            created=time.time(),
            log_from=log.stat().st_size if log.exists() else 0,
            cpu=endpoint.serving.resources.cpu,
            price=endpoint.serving.price or "",
        )

    def _share(self, backend: Backend) -> int:
        route = discovery.route(self.home, backend.endpoint)
        return route.weights.get(backend.version, 0) if route else 0

    def _copy(self, stored: StoredVersion) -> Path:
        """The version's files on this machine's disk, verified now.

        A copy that was added to, or is not whole, is replaced by a new one from the store.

        Raises:
            ArtifactError: the store has not the files; or somebody altered the copy, which a person
                should know. It was replaced: the same call works again.
        """
        folder = self.home.bundles / stored.digest
        if not folder.exists():
            self._fetch(stored, folder)
            return folder
        try:
            bundle.verify(folder, stored.digest, allow_pickle=True)
        except bundle.Altered as error:
            self._fetch(stored, folder)
            raise ArtifactError(f"{error}; now it is fetched anew: try again") from error
        except ArtifactError:
            self._fetch(stored, folder)
        return folder

    def _fetch(self, stored: StoredVersion, folder: Path) -> None:
        """Copy the files from the store, verified, in place of what ``folder`` may hold."""
        partial = self.home.bundles / ".partial"  # one at a time: this is done under a lock
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o700, parents=True)
        self.files.get(stored, partial)
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)

    def _write_targets(self) -> None:
        with locked(self.home.path / "targets.lock"):
            prometheus_server.write_targets(self.home, predictors.backends(self.home))

    def room(self, endpoint: Endpoint) -> Room:
        """Whether one predictor more of the endpoint has room on this machine now."""
        return room.room(
            [kept.cpu for kept in self._all()],
            endpoint.serving.resources,
            available_cores(),
            room.free_memory(),
        )

    def unfit(self, endpoint: Endpoint, stored: StoredVersion, name: str = "") -> str:
        """Why this machine cannot have its copy of the files; it holds nobody to a memory."""
        if (self.home.bundles / stored.digest).exists():
            return ""
        return room.no_disk(endpoint, stored, shutil.disk_usage(self.home.path).free)

    def _all(self) -> list[_Kept]:
        contents = [read_json(path) for path in self.home.serving.glob("*.json")]
        return [msgspec.convert(each, _Kept) for each in contents if each is not None]

    def stored(self, endpoint: str, version: str) -> StoredVersion | None:
        """What the predictor was created from; None without one."""
        kept = self._read(endpoint, version)
        return kept.stored if kept else None

    def readiness(self, endpoint: str, version: str) -> Readiness:
        """Whether the predictor has answered its warm-up inference, else what is known of it.

        A process that ended before it was ever ready has failed, though the supervisor tries again;
        one that was ready and ended is being started again.
        """
        kept = self._read(endpoint, version)
        if kept is None:
            return Readiness("absent", "it was not created")
        if kept.leaving:
            return Readiness("absent", "it is being deleted")
        if (unwell := lost.unwell(kept.backend)) is None:
            return Readiness("ready")
        try:
            found = [each for each in supervision.processes(self.home) if each.name == kept.name]
        except Unreachable as error:
            return Readiness("starting", str(error))
        if not found:
            return Readiness("absent", "it was not started: create it again")
        return _state(kept, found[0], unwell)

    def delete(self, endpoint: str, version: str, patience: float | None = None) -> None:
        """Take the version off the gateway, wait for its last answers, stop it.

        Its file says that it is leaving until all is done, so that a delete that was killed half
        way can be called again.

        Raises:
            PlatformError: it still has a share of the traffic, or does not come to rest.
        """
        kept = self._read(endpoint, version)
        if kept is None:
            return
        if share := self._share(kept.backend):
            raise PlatformError(
                f"{endpoint} version {version} still gets {share}% of the traffic: "
                "move the traffic before deleting it"
            )
        discovery.refuse_mirrored(self.home, kept.backend)
        self._write(replace(kept, leaving=True))
        self._leave_route(kept.backend)
        try:
            discovery.publish(self.home)
            admin.wait_for_routes(self.home)
            longest = kept.deadline + DRAIN_MARGIN_S
            timeout = longest if patience is None else min(patience, longest)
            discovery.drain(self.home, kept.backend, timeout)
        except Unreachable:
            pass  # a gateway that is down sends nobody there
        discovery.prune(self.home)
        self._write_targets()
        supervision.remove_program(self.home, kept.name)
        supervision.update(self.home)
        self._file(endpoint, version).unlink(missing_ok=True)
        self.provisioned.ended(endpoint, version)
        self._forget_copy(kept.stored)

    def _leave_route(self, backend: Backend) -> None:
        """Take the version, present with 0%, out of its endpoint's split."""
        route = discovery.route(self.home, backend.endpoint)
        if route and backend.version in route.weights:
            stay = {v: weight for v, weight in route.weights.items() if v != backend.version}
            discovery.set_route(self.home, replace(route, weights=stay))

    def _forget_copy(self, stored: StoredVersion | None) -> None:
        """Remove the copy of a version's files, if no predictor is started from it."""
        if stored is None:
            return
        with locked(self._copies):
            # A file that cannot be read may say so too.
            texts = [path.read_text(encoding="utf-8") for path in self.home.serving.glob("*.json")]
            if not any(stored.digest in text for text in texts):
                shutil.rmtree(self.home.bundles / stored.digest, ignore_errors=True)

    def versions(self, endpoint: str) -> list[str]:
        """The versions that have a predictor now, ready or not."""
        known = predictors.known(self.home)
        return [each.version for each, _ in known if each.endpoint == endpoint]

    def running(self, endpoint: str) -> list[Running]:
        """Each predictor that is there now; all run the code that this machine has."""
        arms = self.versions(endpoint)
        return [Running(arm, self.readiness(endpoint, arm).state == "ready") for arm in arms]

    def url(self, endpoint: str, version: str) -> str:
        """The predictor's own base URL, past the gateway.

        Raises:
            PlatformError: the version has no predictor.
        """
        kept = self._read(endpoint, version)
        if kept is None:
            raise PlatformError(f"{endpoint} version {version} is not served: release it first")
        return f"http://127.0.0.1:{kept.backend.http_port}"

    def note(self) -> None:
        """Write down which predictors are there."""
        self.provisioned.note()

    def spans(self, endpoint: str = "") -> list[Span]:
        """When predictors were there, oldest first; those of one endpoint if it is given."""
        return self.provisioned.read(endpoint)


def _state(kept: _Kept, process: supervision.Process, unwell: str) -> Readiness:
    """What is to be said of a predictor that is not ready."""
    lines = last_lines(process.log, kept.log_from)
    up = [
        number for number, line in enumerate(lines) if line.endswith(lost.ready_line(kept.backend))
    ]
    later = lines[up[-1] + 1 :] if up else lines
    refused = [line.removeprefix(_REFUSES) for line in later if line.startswith(_REFUSES)]
    # The supervisor's times are whole seconds.
    crashed = not up and process.ended > int(kept.created)
    if refused or crashed or process.state in {"FATAL", "UNKNOWN"}:
        said = [*later[-1:], process.detail]
        return Readiness("failed", (refused[-1:] or said)[0])
    if process.state in {"STOPPED", "STOPPING"}:
        return Readiness("failed", "its process was stopped: run 'sluice up'")
    if up:
        return Readiness("starting", f"it was ready, now it {unwell}")
    # It listens before it loads.
    loads = unwell.startswith("answers")
    return Readiness("starting", "the model is loading" if loads else "its process is starting")
