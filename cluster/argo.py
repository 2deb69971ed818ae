"""Argo Workflows as an engine (`components.engine.Engine`): a workflow is a run of a release."""

import itertools
import json
import os
import time
from datetime import datetime

from cluster import connect as connected
from cluster.access import find_access
from cluster.api import Api, Conflict, Missing
from cluster.connect import namespace_of
from cluster.kinds import WORKFLOW, Object
from cluster.teams import runs
from cluster.workflows import release_of, workflow, workflow_name
from components.endpoint import Endpoint
from components.engine import Result, Run
from components.errors import InputError, LeaseHeld, Unreachable
from components.platform import Platform
from components.record import Record
from components.release.state import fold
from components.release.wanted import by_hand

_LOOK_S = 1.0
"""A workflow is looked at so often at most: Argo itself takes a second for each step."""
_ENDED = {"Succeeded", "Failed", "Error"}


class ArgoEngine:
    """Workflows in the namespace of one team's runs.

    A workflow has the name of its release, so that a second one of it cannot be made.

    Args:
        api: the API server.
        team: the team's namespace.
        used: the platform on which the steps act.
    """

    asks = True

    def __init__(self, api: Api, team: str, used: Platform) -> None:
        self._api = api
        self._namespace = runs(team)
        self._platform = used
        self._seen: dict[str, tuple[float, Object | None]] = {}

    def release_id(self, endpoint: str, version: str) -> str:
        """See `Engine.release_id`: the same as if an alias had begun it."""
        return by_hand(self._platform, endpoint, version)

    def submit(self, endpoint: str, version: str, release_id: str) -> Run:
        """See `Engine.submit`."""
        released = self._released(endpoint, release_id)
        for number in itertools.count(1):
            name = workflow_name(release_id, number)
            made = workflow(release_id, released, version, name)
            if self._make(name, made):
                break
        return self._run(release_id, name)

    def _released(self, endpoint: str, release_id: str) -> Endpoint:
        """The endpoint, as the release has it or is to have it."""
        if endpoint:
            return self._platform.endpoints.load(endpoint)
        record = Record(self._platform.records, release_id, self._platform.clock)
        return fold(record.lines()).endpoint

    def _make(self, name: str, made: Object) -> bool:
        """True once it is made; False if another one of that name has ended.

        Raises:
            LeaseHeld: another one of that name goes on.
        """
        try:
            self._api.create(WORKFLOW, self._namespace, made)
        except Conflict:
            found = self._api.get(WORKFLOW, self._namespace, name)
            if found and not _is_over(found):
                raise LeaseHeld(
                    f"workflow {name} runs release {release_of(found)} already: 'sluice show"
                    f" {release_of(found)}' says how it goes"
                ) from None
            return False
        except Unreachable:
            found = self._api.get(WORKFLOW, self._namespace, name)
            if not found or found["spec"].get("arguments") != made["spec"]["arguments"]:
                raise
        return True

    def newest(self, release_id: str) -> Run | None:
        """See `Engine.newest`."""
        found = [
            each["metadata"]
            for each in self._api.list(WORKFLOW, self._namespace)
            if release_of(each) == release_id
        ]
        if not found:
            return None
        last = max(found, key=lambda each: (each["creationTimestamp"], len(each["name"])))
        return self._run(release_id, last["name"])

    def running(self) -> list[Run]:
        """See `Engine.running`: those that wait for another one, too."""
        return [
            self._run(release_id, each["metadata"]["name"])
            for each in self._api.list(WORKFLOW, self._namespace)
            if (release_id := release_of(each)) and not _is_over(each)
        ]

    def _run(self, release_id: str, name: str) -> Run:
        pods = f"workflows.argoproj.io/workflow={name}"
        log = f"kubectl --namespace {self._namespace} logs --selector {pods} --container main"
        return Run(release_id, name, log)

    def alive(self, run: Run) -> bool:
        """See `Engine.alive`. A workflow of which nobody knows now is alive."""
        try:
            found = self._look(run)
        except Unreachable:
            return True
        return found is not None and not _is_over(found)

    def _look(self, run: Run) -> Object | None:
        now = time.monotonic()
        at, found = self._seen.get(run.name, (-_LOOK_S, None))
        if now - at >= _LOOK_S:
            found = self._api.get(WORKFLOW, self._namespace, run.name)
            self._seen[run.name] = now, found
        return found

    def stop(self, run: Run) -> None:
        """See `Engine.stop`: the exit handler finalizes the release."""
        try:
            self._api.merge(WORKFLOW, self._namespace, run.name, {"spec": {"shutdown": "Stop"}})
        except Missing:
            return

    def result(self, run: Run) -> Result:
        """See `Engine.result`."""
        found = self._api.get(WORKFLOW, self._namespace, run.name)
        if found is None:
            said = f"the workflow {run.name} was deleted before its end"
            return Result(1, "", said, time.time())
        status, ended_at = _status(found), _ended_at(found)
        if status.get("phase") == "Succeeded":
            return Result(0, ended_at=ended_at)
        error, message = _failure(status)
        return Result(1, error, message, ended_at)


def _status(found: Object) -> Object:
    """What the controller has written; it leaves out, or null, what it does not know."""
    status: Object = found.get("status") or {}
    return status


def _is_over(found: Object) -> bool:
    return _status(found).get("phase") in _ENDED


def _ended_at(found: Object) -> float:
    """Seconds since the epoch; when it began, if it does not say."""
    status = _status(found)
    said = status.get("finishedAt") or status.get("startedAt")
    return datetime.fromisoformat(said or found["metadata"]["creationTimestamp"]).timestamp()


def _failure(status: Object) -> tuple[str, str]:
    """Class and message of the error that a step left (`components.failure`), else Argo's words."""
    nodes = (status.get("nodes") or {}).values()
    failed = [
        each
        for each in nodes
        if each.get("type") == "Pod" and each.get("phase") in ("Failed", "Error")
    ]
    # The first that failed says why; one that does not say when came last.
    for node in sorted(failed, key=lambda each: str(each.get("finishedAt") or "z")):
        said = str(node.get("message") or "")
        try:
            left = json.loads(said[said.index("{") :])
            return str(left["error"]), str(left["message"])
        except (ValueError, KeyError, TypeError):
            continue
    said = "; ".join(str(each["message"]) for each in failed if each.get("message"))
    return "", said or str(status.get("message") or "") or "Argo says nothing"


def connect() -> ArgoEngine:
    """The engine of the team in use.

    Raises:
        InputError: the platform in use is no cluster.
        Unreachable: the API server does not answer.
    """
    if os.environ.get("SLUICE_PLATFORM") != "cluster":
        raise InputError("Argo runs releases of a cluster: set SLUICE_PLATFORM=cluster")
    access = find_access()
    return ArgoEngine(Api(access), namespace_of(access), connected.connect())
