"""A server of Kubeflow Pipelines, which is asked by plain HTTP (its API v2beta1).

What is sent is what its own client sends (2.17), which has no time-outs and writes files into the
user's home; answers are looked at as little as possible, for servers of other versions.
"""

import json
import ssl
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import httpx

from components.errors import InputError, PlatformError, Unreachable

Answer = dict[str, Any]

_TIMEOUT_S = 30.0
_ROOT = "/apis/v2beta1"
_EQUALS = 1
_ENDED = {"SUCCEEDED", "SKIPPED", "FAILED", "CANCELED"}
"""States of a run that is over."""


class Taken(PlatformError):
    """There is one of that name already."""


class Kubeflow:
    """A server.

    Each call may raise `Unreachable` (of a write: it may have been done or not), or PlatformError:
    the server refuses.

    Args:
        host: its address, as a browser has it: ``https://kubeflow.example/pipeline``.
        token: gives the token to send; empty: none is.
        namespace: of the runs, where a server has several users' (a profile); empty: the server's.
        transport: the wire; httpx's own if None.
    """

    def __init__(
        self,
        host: str,
        token: Callable[[], str] = str,
        namespace: str = "",
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._host = host.rstrip("/")
        self._token = token
        self._namespace = namespace
        self._transport = transport
        if not self._host.startswith(("http://", "https://")):
            raise InputError(f"--host: {host!r} is no address: write https://...")

    @cached_property
    def _client(self) -> httpx.Client:
        token = self._token()
        return httpx.Client(
            base_url=self._host,
            headers={"authorization": f"Bearer {token}"} if token else {},
            timeout=_TIMEOUT_S,
            transport=self._transport,
            verify=ssl.create_default_context(),
            # Nobody's variables for other servers may lead this one's token astray.
            trust_env=False,
        )

    def close(self) -> None:
        """Close what connections there are."""
        self._client.close()

    def pipeline(self, name: str, description: str) -> str:
        """The id of the pipeline of that name, which is made if there is none."""
        for _ in range(2):
            found = self._named("pipelines", "/pipelines", name, self._where)
            if found:
                return str(found[0]["pipeline_id"])
            made = {"display_name": name, "description": description, **self._where}
            try:
                return str(self._ask("POST", "/pipelines", content=made)["pipeline_id"])
            except Taken:  # somebody was faster
                continue
        raise PlatformError(f"pipeline {name} is there, and is not listed: see {self._host}")

    def version(self, pipeline: str, name: str, package: str) -> str:
        """The id of the pipeline's version of that name, which is uploaded if there is none."""
        listed = f"/pipelines/{pipeline}/versions"
        for _ in range(2):
            found = self._named("pipeline_versions", listed, name)
            if found:
                return str(found[0]["pipeline_version_id"])
            try:
                made = self._ask(
                    "POST",
                    "/pipelines/upload_version",
                    {"name": name, "pipelineid": pipeline},
                    files={
                        "uploadfile": (f"{name}.yaml", package.encode(), "application/octet-stream")
                    },
                )
            except Taken:
                continue
            return str(made["pipeline_version_id"])
        raise PlatformError(f"version {name} is there, and is not listed: see {self._host}")

    def experiment(self, name: str) -> str:
        """The id of the experiment of that name, which is made if there is none."""
        for _ in range(2):
            if found := self.known(name):
                return found
            try:
                made = self._ask(
                    "POST", "/experiments", content={"display_name": name, **self._where}
                )
            except Taken:
                continue
            return str(made["experiment_id"])
        raise PlatformError(f"experiment {name} is there, and is not listed: see {self._host}")

    def known(self, name: str) -> str:
        """The id of the experiment of that name; empty: there is none."""
        found = self._named("experiments", "/experiments", name, self._where)
        return str(found[0]["experiment_id"]) if found else ""

    def going_on(self, name: str, experiment: str) -> str:
        """The id of a run of that name in the experiment that has not ended; empty: none is."""
        for each in self._named("runs", "/runs", name, {"experiment_id": experiment}):
            if each.get("state") not in _ENDED:
                return str(each["run_id"])
        return ""

    def run(self, body: Answer) -> str:
        """Begin a run; its id."""
        return str(self._ask("POST", "/runs", content=body)["run_id"])

    def recurring(self, name: str, experiment: str, given: Mapping[str, str] = {}) -> list[str]:
        """The ids of the recurring runs of that name in the experiment that are enabled.

        Those alone whose runs are ``given`` these parameters.
        """
        asked = {"experiment_id": experiment}
        found = self._named("recurringRuns", "/recurringruns", name, asked)
        return [
            str(each["recurring_run_id"])
            for each in found
            if each.get("mode") != "DISABLE"
            and each.get("status") != "DISABLED"
            and given.items() <= _parameters(each).items()
        ]

    def recur(self, body: Answer) -> str:
        """Let a run begin by the clock; the id of the recurring run."""
        return str(self._ask("POST", "/recurringruns", content=body)["recurring_run_id"])

    def disable(self, recurring: str) -> None:
        """Let a recurring run begin no more runs; one that goes on does so."""
        self._ask("POST", f"/recurringruns/{recurring}:disable")

    def link(self, run: str, *, recurring: bool = False) -> str:
        """The page of a run, or of a recurring one."""
        page = "recurringrun" if recurring else "runs"
        return f"{self._host}/#/{page}/details/{run}"

    @property
    def _where(self) -> dict[str, str]:
        return {"namespace": self._namespace} if self._namespace else {}

    def _named(self, key: str, path: str, name: str, asked: Mapping[str, str] = {}) -> list[Answer]:
        """What is listed under ``key`` with that name, newest first."""
        equal = {"operation": _EQUALS, "key": "display_name", "stringValue": name}
        query = {
            "filter": json.dumps({"predicates": [equal]}),
            "sort_by": "created_at desc",
            "page_size": "100",
            **asked,
        }
        found: list[Answer] = self._ask("GET", path, query).get(key) or []
        return [each for each in found if each.get("display_name") == name]

    def _ask(
        self,
        method: str,
        path: str,
        asked: Mapping[str, str] = {},
        *,
        content: Answer | None = None,
        files: Any = None,
    ) -> Answer:
        try:
            answer = self._client.request(
                method, f"{_ROOT}{path}", params=asked, json=content, files=files
            )
        except httpx.HTTPError as error:
            said = str(error) or type(error).__name__
            raise Unreachable(f"Kubeflow Pipelines at {self._host}: {said}") from error
        if answer.is_error:
            raise self._error(answer)
        try:
            found = answer.json() if answer.content else {}
        except ValueError:
            found = None
        if not (answer.is_success and isinstance(found, dict)):
            # A gateway's page to log in, or the way to it, most often.
            raise PlatformError(
                f"{self._host} does not answer as Kubeflow Pipelines does: is --host right, and"
                " does --token-file hold a token of it?"
            )
        return found

    def _error(self, answer: httpx.Response) -> PlatformError:
        """The refusal, in the server's words."""
        try:
            said = str(answer.json()["message"])
        except (ValueError, KeyError, TypeError):
            said = f"{answer.status_code} {answer.reason_phrase}"
        said = f"Kubeflow Pipelines at {self._host} refuses: {' '.join(said.split())[:500]}"
        match answer.status_code:
            case 401 | 403:
                return PlatformError(f"{said}: see --token-file and --namespace")
            case 409:
                return Taken(said)
            case status if status == 429 or status >= 500:
                return Unreachable(said.replace("refuses", "cannot answer now"))
        return PlatformError(said)


def _parameters(run: Answer) -> Answer:
    found: Answer = (run.get("runtime_config") or {}).get("parameters") or {}
    return found
