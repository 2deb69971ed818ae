"""Who is measured: each as its own documentation tells a user to serve such a model."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

PEERS = Path(__file__).parent / "peers"
ENVIRONMENTS = Path(".venv-bench")
GRAPH_PACKAGES = ("onnxruntime==1.32.0", "tokenizers==0.23.3")
"""The same everywhere, as in `constraints.txt`."""


@dataclass(frozen=True)
class Setting:
    """How a peer is told to use the cores: what its documentation lets a user choose."""

    workers: int = 1
    threads: int = 1
    batch: int = 1
    """Rows that may share a run; 1 turns batching off."""

    def __str__(self) -> str:
        """As the tables name it."""
        batch = f", batches up to {self.batch}" if self.batch > 1 else ""
        return f"{self.workers} worker(s) of {self.threads} thread(s){batch}"


def v2(text: str) -> bytes:
    """A V2 inference request of one text."""
    tensor = {"name": "text", "shape": [1], "datatype": "BYTES", "data": [text]}
    return json.dumps({"inputs": [tensor]}).encode()


def v2_row(text: str) -> bytes:
    """The same with a dimension for the batch, as Triton wants it."""
    tensor = {"name": "text", "shape": [1, 1], "datatype": "BYTES", "data": [text]}
    return json.dumps({"inputs": [tensor]}).encode()


def _plain(text: str) -> bytes:
    return json.dumps({"text": text}).encode()


def _texts(text: str) -> bytes:
    return json.dumps({"texts": [text]}).encode()


def _frame(text: str) -> bytes:
    return json.dumps({"dataframe_split": {"columns": ["text"], "data": [[text]]}}).encode()


@dataclass(frozen=True)
class Contestant:
    """One server."""

    name: str
    command: Callable[[Path, int, Setting, Path], list[str]]
    """From the environment's `bin`, a port, a setting and an empty folder."""
    path: str
    body: Callable[[str], bytes]
    packages: tuple[str, ...] = ()
    """Empty: it runs in this project's own environment."""
    settings: tuple[Setting, ...] = (Setting(),)
    """Tried in a first short round; the fastest at 32 connections is the one that is compared."""
    environment: tuple[tuple[str, str], ...] = ()
    python: str = sys.executable
    """Makes its environment."""

    @property
    def bin(self) -> Path:
        """Where its programs are."""
        if not self.packages:
            return Path(sys.executable).parent
        return (ENVIRONMENTS / self.packages[0].split("==")[0] / "bin").absolute()

    def install(self) -> None:
        """Make its environment, once.

        Raises:
            CalledProcessError: it cannot be installed here.
        """
        ready = self.bin.parent / ".ready"
        wanted = "\n".join((*self.packages, *GRAPH_PACKAGES))
        if not self.packages or (ready.exists() and ready.read_text() == wanted):
            return
        print(f"installing {', '.join(self.packages)}", flush=True)
        subprocess.run([self.python, "-m", "venv", "--clear", self.bin.parent], check=True)
        pip = [str(self.bin / "pip"), "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *self.packages, *GRAPH_PACKAGES], check=True)
        ready.write_text(wanted)

    def variables(self, port: int, setting: Setting, bundle: Path) -> Mapping[str, str]:
        """Its process's environment."""
        return {
            **os.environ,
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            "PYTHONPATH": str(PEERS) if self.packages else "",
            "PORT": str(port),
            "BUNDLE": str(bundle.absolute()),
            "WORKERS": str(setting.workers),
            "THREADS": str(setting.threads),
            "BATCH": str(setting.batch),
            "NO_PROXY": "127.0.0.1",
            **dict(self.environment),
        }


def _ours(_: Path, port: int, __: Setting, ___: Path) -> list[str]:
    flags = ["--bundle", os.environ["SLUICE_BENCH_BUNDLE"], "--runtime", "text-classifier"]
    ports = [f"--http-port={port}", f"--grpc-port={port + 1}"]
    names = ["--model-name=m", "--model-version=1"]
    return [sys.executable, "-m", "components.predictor", *flags, *names, *ports]


def _script(name: str) -> Callable[[Path, int, Setting, Path], list[str]]:
    return lambda bin_, _, __, ___: [str(bin_ / "python"), str(PEERS / name)]


def _mlserver(bin_: Path, port: int, setting: Setting, folder: Path) -> list[str]:
    server = {
        "host": "127.0.0.1",
        "http_port": port,
        "grpc_port": port + 1,
        "metrics_port": port + 2,
        "parallel_workers": setting.workers if setting.workers > 1 else 0,
        "environments_dir": str(folder / "environments"),
        "metrics_dir": str(folder / "metrics"),
    }
    model = {
        "name": "m",
        "implementation": "mlserver_runtime.Runtime",
        "max_batch_size": setting.batch if setting.batch > 1 else 0,
        "max_batch_time": 0.002 if setting.batch > 1 else 0,
    }
    (folder / "settings.json").write_text(json.dumps(server))
    (folder / "model-settings.json").write_text(json.dumps(model))
    return [str(bin_ / "mlserver"), "start", str(folder)]


def _bentoml(bin_: Path, port: int, _: Setting, __: Path) -> list[str]:
    where = ["--host", "127.0.0.1", "--port", str(port), "--working-dir", str(PEERS)]
    return [str(bin_ / "bentoml"), "serve", "bento_service:Service", *where]


def _mlflow(bin_: Path, port: int, setting: Setting, folder: Path) -> list[str]:
    model = folder / "model"
    saving = [str(bin_ / "python"), str(PEERS / "mlflow_model.py"), str(model)]
    environment = {**os.environ, "PYTHONPATH": str(PEERS), "THREADS": "1"}
    environment["BUNDLE"] = os.environ["SLUICE_BENCH_BUNDLE"]
    subprocess.run(saving, check=True, env=environment, capture_output=True)
    where = ["--host", "127.0.0.1", "--port", str(port), "--workers", str(setting.workers)]
    return [
        str(bin_ / "mlflow"),
        "models",
        "serve",
        "-m",
        str(model),
        "--env-manager=local",
        *where,
    ]


def _fastapi(bin_: Path, port: int, setting: Setting, _: Path) -> list[str]:
    where = ["--host", "127.0.0.1", "--port", str(port), "--workers", str(setting.workers)]
    return [str(bin_ / "uvicorn"), "fastapi_app:app", "--no-access-log", *where]


_BATCHED = (
    Setting(2),
    Setting(2, batch=4),
    Setting(2, batch=16),
    Setting(1, threads=2, batch=16),
)
OURS = Contestant("Sluice", _ours, "/v2/models/m/infer", v2)
KSERVE = ("kserve==0.21.0",)
CONTESTANTS = (
    OURS,
    Contestant(
        "KServe, synchronous",
        _script("kserve_model.py"),
        "/v2/models/m/infer",
        v2,
        KSERVE,
        (Setting(), Setting(1, threads=2)),
        (("KIND", "synchronous"),),
    ),
    Contestant(
        "KServe, asynchronous",
        _script("kserve_model.py"),
        "/v2/models/m/infer",
        v2,
        KSERVE,
        (Setting(2), Setting(1, threads=2)),
        (("KIND", "asynchronous"),),
    ),
    Contestant(
        "MLServer",
        _mlserver,
        "/v2/models/m/infer",
        v2,
        ("mlserver==1.7.1", "uvloop<0.22"),
        _BATCHED,
    ),
    Contestant("BentoML", _bentoml, "/classify", _texts, ("bentoml==1.4.40",), _BATCHED),
    Contestant(
        "LitServe", _script("lit_server.py"), "/predict", _plain, ("litserve==0.2.19",), _BATCHED
    ),
    Contestant(
        "mlflow models serve",
        _mlflow,
        "/invocations",
        _frame,
        ("mlflow==3.17.2",),
        (Setting(1), Setting(2)),
    ),
    Contestant(
        "FastAPI + uvicorn",
        _fastapi,
        "/predict",
        _plain,
        ("fastapi==0.165.0", "uvicorn[standard]"),
        (Setting(1), Setting(2), Setting(1, threads=2)),
    ),
    Contestant(
        "Ray Serve", _script("ray_app.py"), "/predict", _plain, ("ray[serve]==2.60.0",), _BATCHED
    ),
    Contestant(
        "PyTriton",
        _script("triton_server.py"),
        "/v2/models/m/infer",
        v2_row,
        ("nvidia-pytriton==0.7.0",),
        _BATCHED,
        # The Python inside its Triton is older than 3.11.6, whose standard library it cannot run.
        python="/usr/bin/python3",
    ),
)
FRAMEWORKS = tuple(
    c.name for c in CONTESTANTS if c.packages and c.packages[0].split("==")[0] != "fastapi"
)
"""The peers that are serving frameworks; FastAPI is what a team writes by hand."""
