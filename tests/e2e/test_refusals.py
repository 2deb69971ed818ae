"""What is wrong ends in one line that names the mend, and in the right exit code."""

import re
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import obstore
import pytest

from components.gateway import KEY_HEADER
from components.platform import Platform, connect
from components.registry import Registry
from local.home import find_home
from local.servers import ports, seaweed
from tests.support.releases import MODEL, first_release, newest, released_file, sluice, started
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from obstore.store import ObjectStore

ANY_BODY = {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["hello"]}]}


@pytest.fixture(scope="module")
def endpoint(
    prepared: Platform, registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    path = released_file(tmp_path_factory.mktemp("refusals"), "refusals", steps=[100])
    path.write_text(path.read_text() + "gateway: {requests_per_second: 5}\n")
    first_release(registry, path, "2")
    return path


@pytest.fixture
def gateway(endpoint: Path) -> Iterator[httpx.Client]:
    found = connect().gateway
    headers = {KEY_HEADER: found.key("demo")}
    with httpx.Client(base_url=found.url, headers=headers, timeout=30) as client:
        yield client


VIEW = re.compile(r" *\d+:\d\d  ")
"""How a line of the release's record begins where it is followed."""


def one_line(done: "subprocess.CompletedProcess[str]", code: int, said: str) -> None:
    """Besides the record as it grew and the log's path there is one line, and it says it."""
    assert done.returncode == code, done.stdout + done.stderr
    lines = [line for line in done.stdout.splitlines() if line and not VIEW.match(line)]
    lines += [line for line in done.stderr.splitlines() if not line.startswith("engine log: ")]
    assert len(lines) == 1, done.stdout + done.stderr
    assert said in lines[0]


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("name: ", "replicas: 3\nname: ", "replicas: unknown key"),
        *(
            pytest.param(*case, marks=pytest.mark.long)
            for case in (
                (
                    "min: 0.7",
                    "min: lots",
                    "evaluation.accuracy.min: Input should be a valid number",
                ),
                ("lease: 15s", "lease: 15", "release.lease: 15 is no duration"),
                ("  - 100", "  - 50\n  - 10\n  - 100", "release.steps: steps must rise"),
            )
        ),
    ],
)
def test_a_wrong_endpoint_s_file(
    right: str, wrong: str, said: str, endpoint: Path, tmp_path: Path
) -> None:
    text = endpoint.read_text()
    assert right in text
    file = tmp_path / "wrong.yaml"
    file.write_text(text.replace(right, wrong, 1))
    for command in ("release", "validate"):
        done = sluice(command, str(file))
        one_line(done, 1, said)
        assert re.search(r"wrong\.yaml:\d+: ", done.stderr)


@pytest.mark.long
def test_an_unknown_model(endpoint: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(endpoint.read_text().replace(MODEL, "no-such-model"))
    one_line(sluice("release", str(wrong), "--version", "1"), 1, "no-such-model")


def test_an_unknown_version(endpoint: Path) -> None:
    one_line(sluice("release", str(endpoint), "--version", "99"), 1, "version=99")


@pytest.mark.long
def test_no_version_and_no_alias(endpoint: Path) -> None:
    one_line(sluice("release", str(endpoint)), 1, "no alias 'candidate'")


def test_neither_an_endpoint_nor_a_release_to_resume() -> None:
    done = sluice("release")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].startswith("Error: name an ENDPOINT")
    assert "Traceback" not in done.stderr


def test_a_release_that_never_was(endpoint: Path) -> None:
    one_line(sluice("release", "--resume", "no-such-release"), 1, "no release 'no-such-release'")


@pytest.mark.long
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


VICTIM = "3"
"""A version that no other test keeps served, so that its files may be spoilt."""


def bucket(name: str) -> "ObjectStore":
    """A bucket of the platform's S3 store, past every check."""
    home = find_home()
    return seaweed.store(home, ports.kept(home)["s3"], name)


@pytest.fixture
def kept(registry: Registry) -> str:
    """Where the victim's files are kept once they are downloaded and verified; now empty."""
    folder = f"versions/{registry.version(MODEL, VICTIM).tags['sluice.manifest']}"
    store = bucket("sluice")
    obstore.delete(store, [entry["path"] for page in obstore.list(store, folder) for entry in page])
    return folder


def flipped(content: bytes) -> bytes:
    """The same with one bit changed in the middle."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@contextmanager
def altered(store: "ObjectStore", path: str) -> Iterator[None]:
    """One bit of the object is another one while the block runs."""
    content = bytes(obstore.get(store, path).bytes())
    put(store, path, flipped(content))
    try:
        yield
    finally:
        put(store, path, content)


def put(store: "ObjectStore", path: str, content: bytes) -> None:
    """Write the object, again if other tests keep the store from answering."""

    def done() -> bool:
        with suppress(obstore.exceptions.GenericError):
            obstore.put(store, path, content)
            return True
        return False

    wait_until(done, 120, "an answer of the store")


def test_an_artifact_that_was_altered_in_the_store(
    endpoint: Path, registry: Registry, kept: str
) -> None:
    query = {"name": MODEL, "version": VICTIM}
    found = registry._call("GET", "mlflow/model-versions/get-download-uri", params=query)
    (path,) = [
        path
        for path in registry._files(registry._artifact_path(found["artifact_uri"]))
        if path.endswith(".onnx")
    ]
    with altered(bucket("mlflow"), path):
        done = sluice("release", str(endpoint), "--version", VICTIM)
    one_line(done, 1, "model.onnx does not match its checksum")
    assert obstore.list(bucket("sluice"), kept).collect() == []


@pytest.mark.long
def test_an_artifact_that_was_altered_after_its_download(endpoint: Path, kept: str) -> None:
    """Stopped at its evaluation, a release has left its files in the platform's store."""
    strict = endpoint.with_name("strict.yaml")
    strict.write_text(endpoint.read_text().replace("min: 0.7", "min: 0.999"))
    assert sluice("release", str(strict), "--version", VICTIM).returncode == 3
    with altered(bucket("sluice"), f"{kept}/model.onnx"):
        done = sluice("release", str(endpoint), "--version", VICTIM)
    one_line(done, 1, "model.onnx does not match its checksum")


def test_a_manifest_that_is_not_the_registered_one(
    endpoint: Path, registry: Registry, kept: str
) -> None:
    digest = registry.version(MODEL, VICTIM).tags["sluice.manifest"]
    registry.tag_version(MODEL, VICTIM, {"sluice.manifest": "0" * 64})
    try:
        done = sluice("release", str(endpoint), "--version", VICTIM)
    finally:
        registry.tag_version(MODEL, VICTIM, {"sluice.manifest": digest})
    one_line(done, 1, "MANIFEST.json is not the one registered")


def test_a_pickle(prepared: Platform, tmp_path: Path) -> None:
    """It can be registered, with a note; an endpoint that does not allow it refuses it."""
    import mlflow.sklearn
    from mlflow.models import infer_signature
    from sklearn.dummy import DummyClassifier

    rows = [[0.0], [1.0]]
    model = DummyClassifier().fit(rows, ["a", "b"])
    mlflow.sklearn.save_model(
        model,
        tmp_path / "model",
        signature=infer_signature(rows, model.predict(rows)),
        serialization_format="cloudpickle",
        pip_requirements=["scikit-learn"],
    )
    made = sluice("register", str(tmp_path / "model"), "--model", "pickled")
    assert made.returncode == 0, made.stderr
    assert "note: model.pkl is a pickle" in made.stderr
    path = released_file(tmp_path, "pickled")
    text = path.read_text().replace(MODEL, "pickled")
    path.write_text(text.replace("runtime: text-classifier", "runtime: mlflow"))
    done = sluice("release", str(path), "--version", "1")
    one_line(
        done,
        1,
        "model.pkl is a pickle by its MLmodel (serialization_format: cloudpickle), which can",
    )
    assert "serving.allow_pickle: true" in done.stdout


def test_two_releases_at_once(endpoint: Path, prepared: Platform, tmp_path: Path) -> None:
    """The second is refused and told who holds the endpoint; an operator ends the first."""
    slow = tmp_path / "refusals.yaml"
    slow.write_text(endpoint.read_text().replace("- 100", "- 50\n  - 100\n  watch: 60s"))
    with started("release", str(slow), "--version", "4", "--json") as first:
        wait_until(lambda: prepared.leases.read("refusals") is not None, 60, "the first lease")
        second = sluice("release", str(endpoint), "--version", "4")
        one_line(second, 1, "is held by release refusals-v4")
        wait_until(lambda: newest(prepared, "refusals").state().percent == 50, 120, "the canary")
        ended = sluice("rollback", str(endpoint), "--reason", "a test's end")
        assert ended.returncode == 0, ended.stderr
        assert first.wait(timeout=120) == 3
    state = newest(prepared, "refusals").state()
    assert (state.candidate, state.outcome, state.reason) == ("4", "rolled_back", "a test's end")
    assert prepared.traffic.weights("refusals") == {"2": 100}


def test_a_full_disk(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_MIN_FREE_MB", str(10**9))
    one_line(sluice("up"), 1, "make room")


def test_no_key_is_401(gateway: httpx.Client) -> None:
    answer = gateway.post("/v2/models/refusals/infer", json=ANY_BODY, headers={"x-api-key": "x"})
    assert answer.status_code == 401


def within_the_limit(gateway: httpx.Client, content: bytes) -> httpx.Response:
    """The endpoint's answer, asked again as long as the gateway says that it was asked too much."""
    deadline = time.monotonic() + 30
    while True:
        answer = gateway.post("/v2/models/refusals/infer", content=content)
        if answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
            return answer
        assert time.monotonic() < deadline
        time.sleep(0.3)


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"inputs": []}', b'{"inputs": [{"name": "text"}]}']
)
def test_a_malformed_request_is_400_with_what_was_wrong(gateway: httpx.Client, body: bytes) -> None:
    answer = within_the_limit(gateway, body)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert "\n" not in answer.json()["error"]


def test_an_oversized_request_is_413(gateway: httpx.Client) -> None:
    assert within_the_limit(gateway, b"x" * 2_000_000).status_code == 413


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
