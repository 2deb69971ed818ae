"""The registry's client against answers that a healthy MLflow does not give."""

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from components.errors import (
    ArtifactError,
    InputError,
    PlatformError,
    SluiceError,
    Unreachable,
)
from components.registry import Registry


def registry(handler: Callable[[httpx.Request], httpx.Response]) -> Registry:
    return Registry("http://registry.test", transport=httpx.MockTransport(handler))


def serving(files: dict[str, list[dict[str, object]]]) -> Callable[[httpx.Request], httpx.Response]:
    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("get-download-uri"):
            return httpx.Response(200, json={"artifact_uri": "mlflow-artifacts:/1/m-1"})
        if "path" in request.url.params:
            return httpx.Response(200, json={"files": files[request.url.params["path"]]})
        return httpx.Response(200, content=b"content")

    return handler


def test_a_server_that_does_not_answer_is_unreachable() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with pytest.raises(Unreachable, match="does not answer"):
        registry(handler).version("m", "1")


def test_a_server_error_is_unreachable_so_that_callers_try_again() -> None:
    with pytest.raises(Unreachable, match="answered 503: out of connections"):
        registry(lambda _: httpx.Response(503, text="out of\nconnections")).alias("m", "champion")


def test_an_unknown_model_is_one_line_from_mlflow() -> None:
    said = {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "Registered Model m not found"}
    with pytest.raises(InputError, match="MLflow refuses: Registered Model m not found"):
        registry(lambda _: httpx.Response(404, json=said)).alias("m", "champion")


def test_a_version_without_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no files in the registry"):
        registry(serving({"1/m-1": []})).download("m", "1", tmp_path)


def test_files_land_below_the_folder(tmp_path: Path) -> None:
    listing: dict[str, list[dict[str, object]]] = {
        "1/m-1": [{"path": "MLmodel", "file_size": 7}, {"path": "data", "is_dir": True}],
        "1/m-1/data": [{"path": "graph.onnx", "file_size": 7}],
    }
    registry(serving(listing)).download("m", "1", tmp_path)
    assert (tmp_path / "data" / "graph.onnx").read_bytes() == b"content"
    assert (tmp_path / "MLmodel").exists()


def test_a_file_name_that_climbs_out_is_refused(tmp_path: Path) -> None:
    listing: dict[str, list[dict[str, object]]] = {
        "1/m-1": [{"path": "../../evil", "file_size": 7}]
    }
    with pytest.raises(ArtifactError, match="refused"):
        registry(serving(listing)).download("m", "1", tmp_path / "below")
    assert not (tmp_path / "evil").exists()


def test_a_model_of_too_many_bytes_is_refused(tmp_path: Path) -> None:
    listing: dict[str, list[dict[str, object]]] = {
        "1/m-1": [{"path": "graph.onnx", "file_size": 10**12}]
    }
    with pytest.raises(ArtifactError, match="at most"):
        registry(serving(listing)).download("m", "1", tmp_path)


def test_artifacts_that_the_server_does_not_proxy_are_named_with_the_mend(tmp_path: Path) -> None:
    elsewhere = {"artifact_uri": "s3://bucket/1"}
    with pytest.raises(PlatformError, match="--artifacts-destination"):
        registry(lambda _: httpx.Response(200, json=elsewhere)).download("m", "1", tmp_path)


CALLS: dict[str, Callable[[Registry, Path], object]] = {
    "version": lambda asked, _: asked.version("m", "1"),
    "alias": lambda asked, _: asked.alias("m", "champion"),
    "set_alias": lambda asked, _: asked.set_alias("m", "champion", "1"),
    "delete_alias": lambda asked, _: asked.delete_alias("m", "champion"),
    "swap_alias": lambda asked, _: asked.swap_alias("m", "champion", None, "1"),
    "tag_version": lambda asked, _: asked.tag_version("m", "1", {"key": "value"}),
    "download": lambda asked, folder: asked.download("m", "1", folder),
    "find_run": lambda asked, _: asked.find_run("e", "tag", "value"),
    "create_run": lambda asked, _: asked.create_run("e", "run", {}),
    "log_metrics": lambda asked, _: asked.log_metrics("r", {"accuracy": 0.9}),
    "end_run": lambda asked, _: asked.end_run("r", "FINISHED"),
    "log_artifact": lambda asked, _: asked.log_artifact("r", "path", b""),
    "artifact": lambda asked, _: asked.artifact("r", "path"),
}
"""Every call of a release."""
PUT_OFF = {"retry-after": "0"}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        *[(httpx.Response(status, headers=PUT_OFF), Unreachable) for status in (401, 408, 409)],
        *[(httpx.Response(status, headers=PUT_OFF), Unreachable) for status in (425, 429, 504)],
        (httpx.Response(404, html="<h1>default backend - 404</h1>"), Unreachable),
        (httpx.Response(200, html="<h1>One moment please</h1>"), Unreachable),
        (httpx.Response(200, text='{"model_version": {"vers'), Unreachable),
        (httpx.Response(200, json=[]), Unreachable),
        (httpx.Response(403, json={"error_code": "PERMISSION_DENIED", "message": "no"}), None),
        (httpx.Response(403, text="Invalid Host header"), None),
        (httpx.Response(302, headers={"location": "http://login.test"}), None),
        (httpx.Response(413, html="<h1>413</h1>"), None),
    ],
    ids=lambda it: f"{it.status_code} {it.text[:12]}" if isinstance(it, httpx.Response) else "",
)
def test_what_says_nothing_of_a_version_is_no_refusal_of_one(
    call: Callable[[Registry, Path], object],
    answer: httpx.Response,
    kind: type[SluiceError] | None,
    tmp_path: Path,
) -> None:
    with pytest.raises(PlatformError) as found:
        call(registry(lambda _: answer), tmp_path)
    assert type(found.value) is (kind or PlatformError)
    assert len(str(found.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("answer", "mend"),
    [
        (httpx.Response(403, text="Invalid Host header"), "must let Sluice in"),
        (httpx.Response(302), "the address of MLflow itself"),
        (httpx.Response(413), "larger requests"),
    ],
)
def test_what_no_waiting_mends_is_told_with_the_mend(answer: httpx.Response, mend: str) -> None:
    with pytest.raises(PlatformError, match=mend):
        registry(lambda _: answer).alias("m", "champion")


@pytest.mark.parametrize("said", [{}, {"model_version": {}}, {"model_version": "1"}])
def test_an_answer_of_another_server_is_none_of_mlflow(said: object) -> None:
    with pytest.raises(Unreachable, match="does not answer as MLflow does"):
        registry(lambda _: httpx.Response(200, json=said)).version("m", "1")


def test_what_cannot_be_unpacked_is_unreachable() -> None:
    broken = httpx.Response(200, headers={"content-encoding": "gzip"}, stream=Broken())
    with pytest.raises(Unreachable, match="DecodingError"):
        registry(lambda _: broken).alias("m", "champion")


class Broken(httpx.SyncByteStream):
    """A body that is not what its head says."""

    def __iter__(self) -> Iterator[bytes]:
        yield b"<html>"


def test_what_mlflow_puts_off_is_asked_again() -> None:
    answers = [httpx.Response(429, headers=PUT_OFF) for _ in range(2)]
    answers.append(httpx.Response(200, json={"registered_model": {}}))
    assert registry(lambda _: answers.pop(0)).alias("m", "champion") is None
    assert answers == []


@pytest.mark.parametrize("shown", [True, False])
def test_an_experiment_that_another_release_makes_at_the_same_time_is_used(shown: bool) -> None:
    made: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("create"):
            made.append("7")
            said = {"error_code": "RESOURCE_ALREADY_EXISTS", "message": "UNIQUE constraint failed"}
            return httpx.Response(400, json=said)
        if made and shown:
            return httpx.Response(200, json={"experiment": {"experiment_id": made[0]}})
        said = {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "Could not find experiment"}
        return httpx.Response(404, json=said)

    if shown:
        assert registry(handler).experiment("releases") == "7"
    else:
        with pytest.raises(Unreachable, match="does not show it"):
            registry(handler).experiment("releases")


@pytest.mark.parametrize("what", ["experiment 5", "run abc"])
def test_what_somebody_has_deleted_is_to_be_restored(what: str) -> None:
    said = {
        "error_code": "INVALID_PARAMETER_VALUE",
        "message": f"The {what} must be in the 'active' state. Current state is deleted.",
    }
    with pytest.raises(PlatformError, match=f"{what}.*mlflow experiments restore"):
        registry(lambda _: httpx.Response(400, json=said)).end_run("abc", "FINISHED")
