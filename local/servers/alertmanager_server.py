"""Alertmanager: who is told of what. The platform works without it; nobody is told then."""

import json
import os
import shutil
import subprocess
from pathlib import Path

from components.disk import replace
from components.errors import InputError, PlatformError
from components.notify import Receivers, config, parse
from local.home import REPOSITORY, Home
from local.loopback import local_client, probe
from local.servers.program import Program, Server

TOOLS = REPOSITORY / ".tools" / "alertmanager"
"""Debian's program finds its templates below the folder that it is started in: this one."""

_NAMES = {"alertmanager": ("alertmanager", "prometheus-alertmanager"), "amtool": ("amtool",)}


def binary(name: str = "alertmanager") -> Path:
    """The program ``name`` (`alertmanager` or `amtool`), from PATH or `get_alertmanager.sh`.

    Raises:
        PlatformError: there is none.
    """
    found = next(filter(None, map(shutil.which, _NAMES[name])), None) or TOOLS / name
    if not os.access(found, os.X_OK):
        raise PlatformError(f"{name} is not installed: run 'make setup' or put it on PATH")
    return Path(found)


def installed() -> bool:
    """Whether there is one."""
    try:
        binary()
    except PlatformError:
        return False
    return True


def url(ports: dict[str, int]) -> str:
    """The server's base URL."""
    return f"http://127.0.0.1:{ports['alertmanager']}"


def receivers(home: Home) -> Path:
    """The user's file, as it was applied."""
    return home.private / "receivers.yaml"


def _config(home: Home) -> Path:
    return home.path / "alertmanager.yaml"


def prepare(home: Home) -> None:
    """Write the configuration: with the receivers that were applied last, or none."""
    kept = receivers(home)
    wanted = Receivers()
    if kept.exists():
        try:
            wanted = parse(kept.read_text(encoding="utf-8"), str(kept))
        except InputError:
            # A secret's file is gone, say. What was in force stays so.
            if _config(home).exists():
                return
    _write(home, wanted)


def _write(home: Home, wanted: Receivers) -> None:
    # JSON is YAML.
    replace(_config(home), json.dumps(config(wanted), indent=1))


def apply(home: Home, ports: dict[str, int], wanted: Receivers, text: str) -> None:
    """Put receivers in force, and keep their file.

    Raises:
        InputError: Alertmanager refuses them; what was in force stays so.
        PlatformError: it is not installed, or does not answer.
    """
    check(home, wanted)
    replace(receivers(home), text)
    _write(home, wanted)
    with local_client(timeout=5.0) as client:
        answer = client.post(f"{url(ports)}/-/reload")
    if not answer.is_success:
        raise PlatformError(f"alertmanager: {answer.text.strip()}: see {home.logs}")


def check(home: Home, wanted: Receivers) -> None:
    """Let Alertmanager's own tool read the configuration of these receivers.

    Raises:
        InputError: it refuses it.
        PlatformError: it is not installed.
    """
    trial = home.private / "alertmanager-trial.yaml"
    replace(trial, json.dumps(config(wanted)))
    try:
        done = subprocess.run(
            [str(binary("amtool")), "check-config", str(trial)],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    finally:
        trial.unlink()
    if done.returncode != 0:
        said = " ".join((done.stderr or done.stdout).split())
        raise InputError(f"Alertmanager refuses these receivers: {said}")


def server(home: Home, ports: dict[str, int]) -> Server:
    """Alertmanager on its kept port, alone: it looks for no others of its kind."""
    found = binary()
    program = Program(
        "alertmanager",
        (
            str(found),
            f"--config.file={_config(home)}",
            f"--storage.path={home.data / 'alertmanager'}",
            "--data.retention=120h",
            f"--web.listen-address=127.0.0.1:{ports['alertmanager']}",
            f"--web.external-url={url(ports)}",
            "--cluster.listen-address=",
            "--log.level=warn",
        ),
        directory=found.parent if found.parent == TOOLS else None,
    )
    return Server(program, url(ports), ("alertmanager",), lambda: probe(f"{url(ports)}/-/ready"))
