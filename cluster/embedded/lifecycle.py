"""Starting, healing, looking at and ending an embedded cluster."""

import hashlib
import json
import shutil
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cluster.embedded import build, containers, doctor, images, node, pki, programs, settings
from cluster.embedded.archive import Image
from cluster.embedded.controllers import installed, volumes
from cluster.embedded.controllers.part import Materials, Part, image_name
from cluster.embedded.families import ETCD, FAMILIES, KUBERNETES, PAUSE
from cluster.embedded.home import INSIDE, Home, cache
from cluster.embedded.kubectl import Kubectl, Object
from cluster.embedded.network import NODE_NAME
from cluster.embedded.phases import Phases, Say
from cluster.embedded.supervision import processes
from components.disk import last_lines, locked, replace
from components.errors import PlatformError
from components.platform import wait_for

STARTS_S = 300
"""Seconds that one thing may take to come up; on two busy cores it takes tens."""


def up(home: Home, say: Say) -> None:
    """Build what is not built, start what does not run, return when all of it is available.

    Raises:
        PlatformError: with the reason in one line.
    """
    doctor.refuse(home)
    phases = Phases(say)
    home.make()
    with locked(home.path / "up.lock"):
        folders = _built(phases)
        pid = node.first_process(home)
        if pid is None:
            with phases.phase("API server ready"):
                pid = _start(home, folders)
        parts = installed.parts(Materials(folders, kubectl(home), home.pki))
        if not _is_done(home, pid, parts):
            _install(home, phases, pid, parts, folders)
            replace(home.done, _fingerprint(pid, parts))


def _built(phases: Phases) -> dict[str, Path]:
    """The folder of each family's programs; our own images are built, too."""
    folders = {}
    for family in FAMILIES:
        there = build.built(family, cache())
        if there is None:
            with phases.phase(f"{family.name} built"):
                there = build.build(family, cache())
        folders[family.name] = there
    for target in containers.TARGETS:
        if not containers.built(target, cache()):
            with phases.phase(f"image {target} built"):
                containers.build(target, cache())
    return folders


def _start(home: Home, folders: dict[str, Path]) -> int:
    """Start the node from nothing; return its first process when the API server is ready."""
    node.stop(home)
    shutil.rmtree(home.kubelet)
    home.make()
    volumes.make(home)
    pki.write(home.pki, INSIDE / "pki")
    listed = programs.programs(folders[KUBERNETES.name] / "kubernetes", folders[ETCD.name] / "etcd")
    settings.write(home, programs.supervisor(listed), image_name(PAUSE))
    with _door(home) as door:
        replace(home.kubeconfig, pki.outside(home.pki, door.getsockname()[1]))
        node.start(home, door)

    def started() -> int | None:
        pid = node.first_process(home)
        return pid if pid and kubectl(home).answers() else None

    return wait_for(started, STARTS_S, 0.2, lambda: _why_not(home))


def _door(home: Home) -> socket.socket:
    """A socket of the loopback: at the port of the last time, if nobody else has it."""
    kept = home.path / "port"
    for port in (int(kept.read_text()) if kept.exists() else 0, 0):
        try:
            door = socket.create_server(("127.0.0.1", port))
        except OSError:
            continue
        replace(kept, str(door.getsockname()[1]))
        return door
    raise PlatformError("no port of 127.0.0.1 is free")


def _why_not(home: Home) -> str:
    pid = node.first_process(home)
    if pid is None:
        log = home.logs / "node.log"
        return f"the node ended: {(last_lines(log) or ['without a word'])[-1]} (see {log})"
    bad = next((each for each in processes(pid) if each.state != "RUNNING"), None)
    if bad:
        return f"{bad.name} does not start: {bad.detail}: see {home.logs / bad.name}.log"
    return f"the API server is not ready: see {home.logs / 'kube-apiserver.log'}"


def _install(
    home: Home, phases: Phases, pid: int, parts: Sequence[Part], folders: dict[str, Path]
) -> None:
    ask = kubectl(home)
    pause = Image(image_name(PAUSE), {"pause": folders[PAUSE.name] / "pause"}, ("/pause",))
    wanted = [pause, *(image for part in parts for image in part.images)]
    with phases.phase("images in the node"):
        images.load(home, pid, wanted)
        for target in containers.TARGETS:
            images.load_own(home, pid, target)
    with phases.phase("definitions established"):
        ask.apply([each for part in parts for each in part.definitions])
        ask.run("wait", "crd", "--all", "--for=condition=established", f"--timeout={STARTS_S}s")
    with phases.phase("controllers applied"):
        ask.apply([each for part in parts for each in part.objects])
    with phases.phase("node ready"):
        wait_for(lambda: _registered(ask), STARTS_S, 0.2, lambda: "the kubelet does not register")
        ask.wait(f"node/{NODE_NAME}", "Ready", STARTS_S)
    for part in (part for part in parts if part.deployments):
        with phases.phase(f"{part.name} available"):
            for name in part.deployments:
                _await(ask, "deployment", *name.split("/"))
            for made in (made for made in part.objects if made["kind"] == "StatefulSet"):
                _await(ask, "statefulset", made["metadata"]["namespace"], made["metadata"]["name"])
            if part.late:
                ask.apply(part.late)
            for each in part.settled:
                ask.wait(each.what, each.condition, STARTS_S, each.namespace)


def _await(ask: Kubectl, kind: str, namespace: str, name: str) -> None:
    """Wait until all of its pods are there, each as it is to be now."""
    rollout = ("rollout", "status", f"{kind}/{name}", "--namespace", namespace)
    try:
        ask.run(*rollout, "--timeout", f"{STARTS_S}s")
    except PlatformError as error:
        why = "; ".join(_waiting(ask, namespace)) or str(error)
        raise PlatformError(f"{namespace}/{name} does not come up: {why}") from error


def _waiting(ask: Kubectl, namespace: str) -> Iterator[str]:
    """Why containers of the namespace do not run."""
    pods = json.loads(ask.run("get", "pods", "--namespace", namespace, "--output", "json"))
    for pod in pods["items"]:
        for each in pod["status"].get("containerStatuses", ()):
            if said := each["state"].get("waiting"):
                ended = each.get("lastState", {}).get("terminated", {})
                yield f"{each['name']}: {ended.get('message') or said.get('message') or said}"


def _registered(ask: Kubectl) -> bool:
    return bool(ask.run("get", "nodes", "--output", "name"))


def _fingerprint(pid: int, parts: Sequence[Part]) -> str:
    """Of what was installed, in which life of the node."""
    life = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
    ours = [containers.name(target) for target in containers.TARGETS]
    applied = [[each.definitions, each.objects, each.late] for each in parts]
    told = json.dumps([ours, applied], sort_keys=True)
    return f"{pid} {life} {hashlib.sha256(told.encode()).hexdigest()}"


def _is_done(home: Home, pid: int, parts: Sequence[Part]) -> bool:
    done = home.done.read_text(encoding="utf-8") if home.done.exists() else ""
    if done != _fingerprint(pid, parts):
        return False
    own = {name for part in parts for name in part.deployments}
    # What people run on the cluster besides is theirs.
    looked_at = [each for each in status(home) if "/" not in each.name or each.name in own]
    return own <= {each.name for each in looked_at} and all(each.ok for each in looked_at)


def down(home: Home) -> bool:
    """End the cluster; its images stay. False when there was none.

    Raises:
        PlatformError: something of it does not end.
    """
    home.done.unlink(missing_ok=True)
    home.kubeconfig.unlink(missing_ok=True)
    return node.stop(home)


@dataclass(frozen=True)
class Health:
    """One line of `sluice cluster status`."""

    name: str
    state: str
    """``ok``, or what is wrong."""

    @property
    def ok(self) -> bool:
        """True when it is as it should be."""
        return self.state == "ok"


def status(home: Home) -> list[Health]:
    """The node's programs and every deployment, now; nothing when the node does not run.

    Raises:
        PlatformError: the API server does not answer.
    """
    pid = node.first_process(home)
    if pid is None:
        return []
    programs_now = [
        Health(each.name, "ok" if each.state == "RUNNING" else each.detail or each.state)
        for each in processes(pid)
    ]
    listed = json.loads(
        kubectl(home).run("get", "nodes,deployments", "--all-namespaces", "--output", "json")
    )
    return programs_now + [_health(each) for each in listed["items"]]


def _health(found: Object) -> Health:
    """Of a node or a deployment, by the condition that says so."""
    meta, said = found["metadata"], found.get("status", {})
    wanted = "Ready" if found["kind"] == "Node" else "Available"
    conditions = {each["type"]: each for each in said.get("conditions", ())}
    it = conditions.get(wanted, {"status": "Unknown", "message": "it says nothing yet"})
    where = f"{meta['namespace']}/" if "namespace" in meta else ""
    state = "ok" if it["status"] == "True" else it.get("message") or it["status"]
    return Health(f"{where}{meta['name']}", state)


def kubectl(home: Home) -> Kubectl:
    """The cluster's administrator.

    Raises:
        PlatformError: the cluster's programs are not built.
    """
    folder = build.built(KUBERNETES, cache())
    if folder is None:
        raise PlatformError("the cluster's programs are not built: run 'sluice cluster up'")
    return Kubectl((str(folder / "kubernetes"), "kubectl"), home.kubeconfig)
