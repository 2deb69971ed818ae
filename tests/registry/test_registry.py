"""The registry's client against answers that a healthy MLflow does not give."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from components.errors import ArtifactError, InputError, PlatformError, Unreachable
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
