"""The model registry: MLflow's REST interface, as few calls as a release needs.

MLflow's own client takes seconds to import, which every step of a pipeline would pay; its REST
interface is documented and stable (https://mlflow.org/docs/latest/rest-api.html).
"""

import functools
import time
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import quote, urlparse

import httpx

from components.errors import ArtifactError, PlatformError, Unreachable
from components.platform.model_registry import ModelVersion
from components.put_off import answered
from components.registry.refusals import EXISTS, code_of, not_as_expected, refusal

MAX_ARTIFACT_BYTES = 4 * 1024**3
MAX_ARTIFACT_FILES = 1000

_P = ParamSpec("_P")
_R = TypeVar("_R")


def _reads(
    call: Callable[Concatenate["Registry", _P], _R],
) -> Callable[Concatenate["Registry", _P], _R]:
    """A call whose answer may be another server's, or a part of one: that is no answer."""

    @functools.wraps(call)
    def reading(self: "Registry", /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return call(self, *args, **kwargs)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise not_as_expected(self.url, error) from error

    return reading


class Registry:
    """An MLflow server.

    Args:
        url: base URL of the server.
        transport: the wire; tests give their own.
        timeout: seconds that one call may take.
    """

    def __init__(
        self, url: str, transport: httpx.BaseTransport | None = None, timeout: float = 10.0
    ) -> None:
        self.url = url.rstrip("/")
        # The platform's own address: a proxy of the environment is for others.
        self._http = httpx.Client(
            base_url=self.url, transport=transport, timeout=timeout, trust_env=False
        )

    def close(self) -> None:
        """Close the connections; a process that ends need not."""
        self._http.close()

    @_reads
    def version(self, model: str, version: str) -> ModelVersion:
        """The version's entry.

        Raises:
            InputError: there is no such model or version.
        """
        query = {"name": model, "version": version}
        found = self._call("GET", "mlflow/model-versions/get", params=query)["model_version"]
        # The answer's own field `model_id` is never filled; the source names the logged model.
        kind, _, source = str(found.get("source", "")).partition(":/")
        return ModelVersion(
            model=model,
            version=str(found["version"]),
            run_id=found.get("run_id", ""),
            model_id=source if kind == "models" and source.startswith("m-") else "",
            tags={tag["key"]: tag["value"] for tag in found.get("tags", [])},
        )

    @_reads
    def alias(self, model: str, alias: str) -> str | None:
        """The version that carries ``alias``, or None.

        Raises:
            InputError: there is no such model.
        """
        query = {"name": model}
        found = self._call("GET", "mlflow/registered-models/get", params=query)
        aliases = found["registered_model"].get("aliases", [])
        return next((str(a["version"]) for a in aliases if a["alias"] == alias), None)

    def set_alias(self, model: str, alias: str, version: str) -> None:
        """Move ``alias`` to ``version``."""
        body = {"name": model, "alias": alias, "version": version}
        self._call("POST", "mlflow/registered-models/alias", json=body)

    def delete_alias(self, model: str, alias: str) -> None:
        """Take ``alias`` away; harmless when no version carries it."""
        body = {"name": model, "alias": alias}
        self._call("DELETE", "mlflow/registered-models/alias", json=body)

    def swap_alias(self, model: str, alias: str, expected: str | None, new: str | None) -> bool:
        """Move ``alias`` from ``expected`` to ``new`` (None: no version), if it is still there.

        MLflow has no compare-and-swap: what somebody sets between the look and the write that
        follows at once is overwritten.
        """
        if self.alias(model, alias) != expected:
            return False
        if new is None and expected is not None:
            self.delete_alias(model, alias)
        elif new is not None and new != expected:
            self.set_alias(model, alias, new)
        return True

    def tag_version(self, model: str, version: str, tags: Mapping[str, object]) -> None:
        """Set tags of a version; values are written as text."""
        for key, value in tags.items():
            body = {"name": model, "version": version, "key": key, "value": str(value)}
            self._call("POST", "mlflow/model-versions/set-tag", json=body)

    @_reads
    def download(self, model: str, version: str, folder: Path) -> None:
        """Copy the version's files into ``folder``, which must not hold any of them yet.

        Raises:
            ArtifactError: the version has no files, or they are too many, too large or named so
                that they would land outside of ``folder``.
        """
        query = {"name": model, "version": version}
        uri = self._call("GET", "mlflow/model-versions/get-download-uri", params=query)
        root = self._artifact_path(uri["artifact_uri"])
        files = self._files(root)
        if not files:
            raise ArtifactError(
                f"{model} version {version} has no files in the registry: log the model again"
            )
        if len(files) > MAX_ARTIFACT_FILES or sum(files.values()) > MAX_ARTIFACT_BYTES:
            raise ArtifactError(
                f"{model} version {version} has {len(files)} files of {sum(files.values())} bytes:"
                f" at most {MAX_ARTIFACT_FILES} files of {MAX_ARTIFACT_BYTES} bytes are taken"
            )
        for path in files:
            relative = PurePosixPath(path).relative_to(root)
            if ".." in relative.parts:
                raise ArtifactError(f"{model} version {version}: file name {path!r} is refused")
            self._fetch(path, folder / relative)

    @_reads
    def experiment(self, name: str) -> str:
        """The id of the experiment called ``name``, made if there is none."""
        if (found := self._experiment(name)) is not None:
            return found
        made = self._send("POST", "mlflow/experiments/create", json={"name": name})
        if code_of(made) != EXISTS:
            return str(self._checked(made)["experiment_id"])
        # Another release was faster.
        if (found := self._experiment(name)) is not None:
            return found
        raise Unreachable(f"MLflow at {self.url} has an experiment {name} and does not show it")

    def _experiment(self, name: str) -> str | None:
        query = {"experiment_name": name}
        response = self._send("GET", "mlflow/experiments/get-by-name", params=query)
        if response.status_code == httpx.codes.NOT_FOUND and code_of(response):
            return None
        return str(self._checked(response)["experiment"]["experiment_id"])

    @_reads
    def create_run(self, experiment: str, name: str, tags: Mapping[str, str]) -> str:
        """A new run in the experiment of that name; its id."""
        body = {
            "experiment_id": self.experiment(experiment),
            "run_name": name,
            "start_time": int(time.time() * 1000),
            "tags": [{"key": key, "value": value} for key, value in tags.items()],
        }
        return str(self._call("POST", "mlflow/runs/create", json=body)["run"]["info"]["run_id"])

    @_reads
    def find_run(self, experiment: str, tag: str, value: str) -> str | None:
        """The id of the run in ``experiment`` whose ``tag`` has ``value``, or None."""
        body = {
            "experiment_ids": [self.experiment(experiment)],
            "filter": f"tags.`{tag}` = '{value}'",
            "max_results": 1,
        }
        runs = self._call("POST", "mlflow/runs/search", json=body).get("runs", [])
        return str(runs[0]["info"]["run_id"]) if runs else None

    def log_metrics(self, run_id: str, metrics: Mapping[str, float], model_id: str = "") -> None:
        """Write metrics to a run and, where given, to the logged model."""
        now = int(time.time() * 1000)
        for key, value in metrics.items():
            body = {"run_id": run_id, "key": key, "value": value, "timestamp": now}
            if model_id:
                body["model_id"] = model_id
            self._call("POST", "mlflow/runs/log-metric", json=body)

    def end_run(self, run_id: str, status: str) -> None:
        """Close a run; ``status`` is FINISHED, FAILED or KILLED."""
        body = {"run_id": run_id, "status": status, "end_time": int(time.time() * 1000)}
        self._call("POST", "mlflow/runs/update", json=body)

    @_reads
    def log_artifact(self, run_id: str, path: str, content: bytes) -> None:
        """Store ``content`` as the run's artifact ``path``, replacing what was there."""
        target = f"{self._run_artifacts(run_id)}/{path}"
        self._checked(
            self._send("PUT", f"mlflow-artifacts/artifacts/{quote(target)}", content=content)
        )

    @_reads
    def artifact(self, run_id: str, path: str) -> bytes | None:
        """The content of the run's artifact ``path``, or None."""
        folder, _, name = f"{self._run_artifacts(run_id)}/{path}".rpartition("/")
        # MLflow answers 500 for a file that is not there, so look first.
        listing = self._call("GET", "mlflow-artifacts/artifacts", params={"path": folder})
        if name not in {entry["path"] for entry in listing.get("files", [])}:
            return None
        response = self._send("GET", f"mlflow-artifacts/artifacts/{quote(f'{folder}/{name}')}")
        if not response.is_success:
            raise refusal(self.url, response)
        return response.content

    def _run_artifacts(self, run_id: str) -> str:
        found = self._call("GET", "mlflow/runs/get", params={"run_id": run_id})
        return self._artifact_path(found["run"]["info"]["artifact_uri"])

    def _artifact_path(self, uri: str) -> str:
        parsed = urlparse(uri)
        if parsed.scheme != "mlflow-artifacts":
            raise PlatformError(
                f"artifacts at {uri}: start the MLflow server with --artifacts-destination"
            )
        return parsed.path.strip("/")

    def _files(self, folder: str) -> dict[str, int]:
        """Size in bytes by path of every file below ``folder``."""
        found: dict[str, int] = {}
        pending = [folder]
        while pending and len(found) <= MAX_ARTIFACT_FILES:
            here = pending.pop()
            listing = self._call("GET", "mlflow-artifacts/artifacts", params={"path": here})
            for entry in listing.get("files", []):
                path = f"{here}/{entry['path']}"
                if entry.get("is_dir"):
                    pending.append(path)
                else:
                    found[path] = int(entry.get("file_size", 0))
        return found

    def _fetch(self, path: str, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with self._http.stream(
                "GET", f"/api/2.0/mlflow-artifacts/artifacts/{quote(path)}"
            ) as answer:
                if not answer.is_success:
                    answer.read()
                    raise refusal(self.url, answer)
                with target.open("wb") as file:
                    for chunk in answer.iter_bytes():
                        file.write(chunk)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error

    def _send(self, method: str, path: str, **request: Any) -> httpx.Response:
        try:
            return answered(lambda: self._http.request(method, f"/api/2.0/{path}", **request))
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error

    def _call(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        return self._checked(self._send(method, path, **request))

    def _checked(self, response: httpx.Response) -> dict[str, Any]:
        if not response.is_success:
            raise refusal(self.url, response)
        try:
            content = response.json() if response.content else {}
        except ValueError as error:
            raise not_as_expected(self.url, error) from error
        if not isinstance(content, dict):
            raise not_as_expected(self.url, content)
        return content

    def _unreachable(self, error: httpx.HTTPError) -> Unreachable:
        kind = type(error).__name__
        return Unreachable(f"MLflow at {self.url} does not answer ({kind}): see 'sluice status'")
