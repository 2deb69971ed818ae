"""Loading writes nothing into verified files, whatever a model writes beside itself."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from components import bundle
from components.errors import PlatformError
from components.predictor import private_copy
from components.predictor.private_copy import fill, room_for
from tests.support import pyfuncs
from tests.support.predictors import ONE_BY_ONE, Predictor

pytestmark = pytest.mark.slow


def made(folder: Path) -> Path:
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "weights").write_text("w")
    (folder / "MLmodel").write_text("m")
    return folder


def content(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files}


def test_the_copy_has_all_files_and_what_is_written_there_stays_there(tmp_path: Path) -> None:
    source = made(tmp_path / "verified")
    before = content(source)
    with room_for(source) as room:
        folder = fill(room, source)
        assert content(folder) == before
        (folder / "deep" / "weights").write_text("changed")
        (folder / "deep" / "cache").write_text("added")
        assert content(source) == before
    assert list(tmp_path.iterdir()) == [source]


def test_large_files_are_linked_and_what_is_added_stays_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private_copy, "COPIED_BYTES", 1)
    source = made(tmp_path / "verified")
    with room_for(source) as room:
        folder = fill(room, source)
        assert (folder / "MLmodel").stat().st_ino == (source / "MLmodel").stat().st_ino
        (folder / "deep" / "cache").write_text("added")
        assert "deep/cache" not in content(source)
    assert content(source) == {"deep/weights": "w", "MLmodel": "m"}


def test_what_a_killed_process_left_is_removed_and_a_living_one_s_is_not(tmp_path: Path) -> None:
    source = made(tmp_path / "verified")
    with room_for(source) as other:
        mine = other.name.replace(f".{os.getpid()}.", ".1.")
        dead = other.name.replace(f".{os.getpid()}.", ".4194399.")
        for name in (mine, dead, ".verified.elsewhere.4194399.x", "verified.other"):
            made(tmp_path / name)
        with room_for(source):
            left = {path.name for path in tmp_path.iterdir()}
    assert {mine, ".verified.elsewhere.4194399.x", "verified.other"} <= left
    assert dead not in left


def test_a_bundle_that_is_not_there_is_left_to_its_reader(tmp_path: Path) -> None:
    with room_for(tmp_path / "none") as room:
        assert fill(room, tmp_path / "none") == tmp_path / "none"


def test_what_cannot_be_copied_is_one_error(tmp_path: Path) -> None:
    source = made(tmp_path / "verified")
    os.mkfifo(source / "pipe")
    assert stat.S_ISFIFO((source / "pipe").stat().st_mode)
    with room_for(source) as room, pytest.raises(PlatformError) as found:
        fill(room, source)
    why = f"{source}/pipe: `{source}/pipe` is a named pipe"
    assert str(found.value) == f"{source}: cannot be copied to {room}: {why}"


LIBRARY = """
def answer():
    return "yes"
"""


def writing(folder: Path) -> Path:
    """A model with code of its own that writes beside itself, when it is loaded and when asked."""
    (folder.parent / "made_up_library.py").write_text(LIBRARY)
    (folder.parent / "note").write_text("as it was saved")
    note = "Path(self.context.artifacts['note'])"
    return pyfuncs.save(
        folder,
        f"import made_up_library; {note}.write_text('as it was asked'); "
        "return [made_up_library.answer()] * len(model_input)",
        columns={"x": "double"},
        load=f"{note}.with_name('unpacked').write_text('as it was loaded')",
        artifacts={"note": str(folder.parent / "note")},
        code_paths=[str(folder.parent / "made_up_library.py")],
    )


def test_a_model_that_writes_beside_itself_leaves_the_verified_files_as_they_were(
    start_predictor: Callable[..., Predictor], tmp_path: Path
) -> None:
    folder = writing(tmp_path / "model")
    digest = bundle.write_manifest(folder)
    running = start_predictor(folder, "--allow-pickle", *ONE_BY_ONE, runtime="mlflow")
    with running.client() as client:
        answer = client.post("/v1/models/m:predict", json={"instances": [{"x": 1.0}]})
    assert answer.json() == {"predictions": ["yes"]}
    assert running.stop() == 0
    bundle.verify(folder, digest, allow_pickle=True)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".model")] == []
