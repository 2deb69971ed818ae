"""What is wrong ends in one line that names the mend, and in the right exit code."""

import hashlib
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from e2e.harness import MODEL, SLUICE, endpoint_file, first_release, sluice, until

from components.platform import Platform, connect
from components.registry import Registry
from components.release.journal import journals
from components.release.state import State

ANY_BODY = {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["hello"]}]}


@pytest.fixture(scope="module")
def endpoint(
    prepared: Platform, registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    path = endpoint_file(tmp_path_factory.mktemp("refusals"), "refusals", steps=[100])
    path.write_text(path.read_text() + "gateway: {requests_per_second: 5}\n")
    first_release(registry, path, "2")
    return path


@pytest.fixture
def gateway(endpoint: Path) -> Iterator[httpx.Client]:
    key = json.loads((connect().home / "keys.json").read_text())["demo"]
    with httpx.Client(
        base_url=os.environ["SLUICE_GATEWAY"], headers={"x-api-key": key}, timeout=30
    ) as client:
        yield client


def one_line(done: "subprocess.CompletedProcess[str]", code: int, said: str) -> None:
    assert done.returncode == code, done.stdout + done.stderr
    text = (done.stdout + done.stderr).strip()
    assert said in text
    assert "Traceback" not in text


def test_an_endpoint_s_file_with_an_unknown_key(endpoint: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(endpoint.read_text() + "replicas: 3\n")
    one_line(sluice("release", str(wrong)), 1, "replicas: unknown key")


def test_an_unknown_model(endpoint: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(endpoint.read_text().replace(MODEL, "no-such-model"))
    one_line(sluice("release", str(wrong), "--version", "1"), 1, "no-such-model")


def test_an_unknown_version(endpoint: Path) -> None:
    one_line(sluice("release", str(endpoint), "--version", "99"), 1, "version=99")


def test_no_version_and_no_alias(endpoint: Path) -> None:
    one_line(sluice("release", str(endpoint)), 1, "no alias 'candidate'")


def test_neither_an_endpoint_nor_a_release_to_resume() -> None:
    one_line(sluice("release"), 2, "name an ENDPOINT")


def test_a_release_that_never_was(endpoint: Path) -> None:
    one_line(sluice("release", "--resume", "no-such-release"), 1, "no release 'no-such-release'")


def test_a_version_without_files(endpoint: Path, registry: Registry) -> None:
    run = registry.create_run("tests", "empty", {})
    body = {
        "name": MODEL,
        "source": f"mlflow-artifacts:/{registry._run_artifacts(run)}",
        "run_id": run,
    }
    created = registry._call("POST", "mlflow/model-versions/create", json=body)
    version = created["model_version"]["version"]
    done = sluice("release", str(endpoint), "--version", version)
    one_line(done, 1, "has no files in the registry")


def test_a_corrupted_artifact(endpoint: Path, registry: Registry, prepared: Platform) -> None:
    registry.tag_version(MODEL, "1", {"sluice.manifest": "0" * 64})
    try:
        done = sluice("release", str(endpoint), "--version", "1")
    finally:
        manifest = prepared.home / "bundles" / MODEL
        found = [*manifest.glob("1/MANIFEST.json"), *manifest.glob(".1.part/MANIFEST.json")]
        digest = hashlib.sha256(found[0].read_bytes()).hexdigest()
        registry.tag_version(MODEL, "1", {"sluice.manifest": digest})
    one_line(done, 1, "MANIFEST.json")


def test_two_releases_at_once(endpoint: Path, prepared: Platform, tmp_path: Path) -> None:
    """The second is refused and told who holds the endpoint; an operator ends the first."""
    slow = tmp_path / "refusals.yaml"
    slow.write_text(endpoint.read_text().replace("- 100", "- 50\n  - 100\n  watch: 60s"))
    first = subprocess.Popen([SLUICE, "release", str(slow), "--version", "4", "--json"])
    until(lambda: prepared.leases.read("refusals") is not None, 60, "the first lease")
    second = sluice("release", str(endpoint), "--version", "4")
    one_line(second, 1, "is held by release refusals-v4")
    until(lambda: any(s.percent == 50 for s in releases(prepared)), 120, "the canary")
    ended = sluice("rollback", str(endpoint), "--reason", "a test's end")
    assert ended.returncode == 0, ended.stderr
    assert first.wait(timeout=120) == 3
    assert [s.outcome for s in releases(prepared) if s.reason == "a test's end"] == ["rolled_back"]
    assert prepared.traffic.weights(releases(prepared)[0].endpoint) == {"2": 100}


def releases(platform: Platform) -> list[State]:
    found = [log.state() for log in journals(platform.home)]
    return [state for state in found if state.endpoint.name == "refusals"]


def test_a_full_disk(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_MIN_FREE_MB", str(10**9))
    one_line(sluice("up"), 1, "make room")


def test_no_key_is_401(gateway: httpx.Client) -> None:
    answer = gateway.post("/v2/models/refusals/infer", json=ANY_BODY, headers={"x-api-key": "x"})
    assert answer.status_code == 401


def test_malformed_requests_are_400_with_what_was_wrong(gateway: httpx.Client) -> None:
    for body in (b"{", b"[]", b'{"inputs": []}', b'{"inputs": [{"name": "text"}]}'):
        answer = gateway.post("/v2/models/refusals/infer", content=body)
        assert answer.status_code in (400, 429)
        if answer.status_code == 400:
            assert answer.json()["error"]


def test_an_oversized_request_is_413(gateway: httpx.Client) -> None:
    until(
        lambda: (
            gateway.post("/v2/models/refusals/infer", content=b"x" * 2_000_000).status_code == 413
        ),
        30,
        "413",
    )


def test_too_many_requests_are_429_with_the_limit(gateway: httpx.Client) -> None:
    answers: list[httpx.Response] = []

    def ask() -> None:
        answers.append(gateway.post("/v2/models/refusals/infer", json=ANY_BODY))

    threads = [threading.Thread(target=ask) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert any(name.lower().startswith("x-ratelimit") for name in refused[0].headers)
