"""Ports: free, and nobody else's until their servers listen."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from components.errors import PlatformError
from local.servers import ports


def test_platforms_that_start_at_once_choose_different_ports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ports.claim, [15] * 64))
    chosen = [port for each in found for port in each]
    assert len(chosen) == len(set(chosen)) == 64 * 15


def test_a_claim_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    claims = tmp_path / "sluice" / "ports.json"
    claims.parent.mkdir()
    claims.write_text(json.dumps(dict.fromkeys(ports.CANDIDATES, time.time())))
    with pytest.raises(PlatformError, match="fewer than 1 free ports"):
        ports.claim(1)
    ended = time.time() - ports.CLAIM_S
    claims.write_text(json.dumps(dict.fromkeys(ports.CANDIDATES, ended)))
    assert len(ports.claim(1)) == 1


def test_a_cache_that_cannot_be_written_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(file))
    with pytest.raises(PlatformError, match="set XDG_CACHE_HOME to a folder of yours"):
        ports.claim(1)
