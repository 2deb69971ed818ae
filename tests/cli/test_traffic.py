import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.traffic import _gateway, _key, command
from components.errors import InputError, PlatformError


def test_a_client_without_a_key_is_named_with_those_that_have_one(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"demo": "secret-1", "sluice": "secret-2"}))
    assert _key(path, "demo") == "secret-1"
    with pytest.raises(InputError, match="no key of client 'other': name one of demo, sluice") as e:
        _key(path, "other")
    assert "secret" not in str(e.value)


@pytest.mark.parametrize("content", [None, "no json", "[]"])
def test_a_key_file_that_cannot_be_used_is_one_clear_line(
    tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "keys.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=r"keys\.json"):
        _key(path, "demo")


def test_a_platform_without_a_gateway_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLUICE_GATEWAY", raising=False)
    with pytest.raises(PlatformError, match="set SLUICE_GATEWAY"):
        _gateway()


@pytest.mark.parametrize("flags", [["--rps=0"], ["--seconds=-1"], ["--rps=5000", "--seconds=9999"]])
def test_traffic_without_bound_or_sense_is_a_usage_error(flags: list[str]) -> None:
    assert CliRunner().invoke(command, ["banking77", *flags]).exit_code == 2
