"""What a platform brings is found however it was installed."""

import zipfile
from pathlib import Path

import pytest

from components import plugins
from components.errors import InputError

POINTS = "[console_scripts]\ntoy = toy:main\n\n[sluice.platforms]\ntoy = toy:connect\n"


def test_the_laptop_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLUICE_PLATFORM", raising=False)
    assert plugins.brought(plugins.PLATFORMS).__module__ == "local.platform.connect"
    commands = set(plugins.brought(plugins.COMMANDS).COMMANDS)
    assert commands == {"up", "down", "status", "doctor", "notify"}


@pytest.mark.parametrize("archive", [False, True])
def test_a_platform_is_found_in_folders_and_in_archives(
    archive: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"toy_{'zip' if archive else 'dir'}"
    files = {
        f"{name}.py": "def connect():\n    return 'connected'\n",
        f"{name}-1.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n",
        f"{name}-1.dist-info/entry_points.txt": POINTS.replace("toy", name),
    }
    place = tmp_path / ("toy.zip" if archive else "site")
    if archive:
        with zipfile.ZipFile(place, "w") as written:
            for path, text in files.items():
                written.writestr(path, text)
    else:
        for path, text in files.items():
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).write_text(text)
    monkeypatch.syspath_prepend(str(place))
    assert plugins.brought(plugins.PLATFORMS, name)() == "connected"
    assert plugins.brought(plugins.COMMANDS, name) is None


def test_an_unknown_platform_is_refused_and_the_known_ones_named() -> None:
    with pytest.raises(InputError, match=r"unknown platform .nowhere.: choose one of .*local"):
        plugins.brought(plugins.COMMANDS, "nowhere")


@pytest.mark.parametrize(
    ("platform", "name", "module"),
    [
        ("local", None, "pipelines.engines.local"),
        ("cluster", None, "cluster.argo"),
        ("cluster", "local", "pipelines.engines.local"),
        ("local", "argo", "cluster.argo"),
    ],
)
def test_an_engine_is_the_platform_s_own_unless_another_is_named(
    platform: str, name: str | None, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLUICE_PLATFORM", platform)
    assert plugins.engine_of(name).__module__ == module


def test_an_unknown_engine_is_refused_and_the_known_ones_named() -> None:
    with pytest.raises(InputError, match=r"unknown engine .nowhere.: choose one of argo"):
        plugins.engine_of("nowhere")


def test_argo_runs_releases_of_a_cluster_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_PLATFORM", "local")
    with pytest.raises(InputError, match="set SLUICE_PLATFORM=cluster"):
        plugins.engine_of("argo")()
