"""What a Grafana is started with; there is none to start here."""

import json
from pathlib import Path

import pytest

from components.errors import PlatformError
from local.home import Home
from local.servers import grafana_server, mlflow_server, ports, prometheus_server

KEPT = {name: 15_000 + number for number, name in enumerate((*ports.NAMES, "grafana"))}


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home whose PATH has a program called grafana, in a tree as its release has."""
    program = tmp_path / "grafana-13" / "bin" / "grafana"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    return Home(tmp_path / "home")


def test_without_the_program_one_line_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PlatformError) as refused:
        grafana_server.choose(Home(tmp_path), on=True)
    assert str(refused.value).startswith("Grafana is not on PATH: install it, or look at 'sluice d")
    assert "\n" not in str(refused.value)
    assert not grafana_server.wanted(Home(tmp_path))


def test_it_is_wanted_until_somebody_says_otherwise(own: Home) -> None:
    assert not grafana_server.wanted(own)
    grafana_server.choose(own, on=True)
    assert grafana_server.wanted(own)
    grafana_server.choose(own, on=False)
    assert not grafana_server.wanted(own)


def test_it_finds_the_platform_s_prometheus_and_every_board(own: Home) -> None:
    grafana_server.choose(own, on=True)
    grafana_server.prepare(own, KEPT)
    written = grafana_server.folder(own) / "provisioning"
    (source,) = json.loads((written / "datasources/sluice.yaml").read_text())["datasources"]
    assert (source["url"], source["type"]) == (prometheus_server.url(KEPT), "prometheus")
    assert source["jsonData"]["timeInterval"] == "1s"
    (provider,) = json.loads((written / "dashboards/sluice.yaml").read_text())["providers"]
    boards = Path(provider["options"]["path"])
    committed = {path.name for path in grafana_server.BOARDS.glob("*.json")}
    assert {path.name for path in boards.iterdir()} == committed


def test_its_boards_lead_to_the_platform_s_mlflow_and_are_else_those_that_are_committed(
    own: Home,
) -> None:
    grafana_server.choose(own, on=True)
    grafana_server.prepare(own, KEPT)
    for path in (grafana_server.folder(own) / "boards").iterdir():
        board = json.loads(path.read_text())
        (mlflow,) = (v for v in board["templating"]["list"] if v["name"] == "mlflow")
        assert mlflow["query"] == mlflow_server.url(KEPT)
        mlflow["query"] = "http://127.0.0.1:5000"
        assert board == json.loads((grafana_server.BOARDS / path.name).read_text())


def test_it_listens_here_alone_and_nobody_can_log_in(own: Home) -> None:
    program = grafana_server.server(own, KEPT).program
    assert program.environment["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"
    assert program.environment["GF_AUTH_DISABLE_LOGIN_FORM"] == "true"
    assert program.environment["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == "true"
    assert program.environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert program.command[1:] == ("server", f"--homepath={grafana_server.PACKAGED}")


def test_a_release_s_own_tree_is_where_it_looks_for_its_files(own: Home) -> None:
    root = grafana_server.binary().parent.parent
    (root / "conf").mkdir()
    (root / "conf" / "defaults.ini").touch()
    assert f"--homepath={root}" in grafana_server.server(own, KEPT).program.command


def test_it_has_a_port_once_it_is_wanted_and_keeps_it(own: Home) -> None:
    own.make()
    assert "grafana" not in ports.keep(own)
    chosen = ports.keep(own, ["grafana"])
    assert ports.keep(own) == chosen
    assert grafana_server.url(chosen) == f"http://127.0.0.1:{chosen['grafana']}"
