"""A model's files: `MLmodel`, and archives. Each is taken or refused in one line."""

import io
import json
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import yaml

from components.bundle import formats, hint, manifest, mlmodel, skops_file
from components.errors import ArtifactError
from tests.fuzz import mutate
from tests.fuzz.run import Ask, Target
from tests.support.attacks import ATTACKS, HONEST

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
_FILES = 200
"""Archives that are made before the first case; a case spoils one of them."""


def _verdict(look: Callable[[], object]) -> str:
    try:
        look()
    except ArtifactError as error:
        said = str(error)
        assert len(said) < 3000, "a long error"
        assert said.isprintable(), "an error that a terminal would obey"
        return "refused"
    return "taken"


@contextmanager
def _mlmodel() -> Iterator[Ask]:
    with tempfile.TemporaryDirectory() as temporary:
        folders = []
        makers = [attack.make for attack in ATTACKS if attack.name != "yaml-tag"]
        for number, make in enumerate([*makers, *HONEST * 20]):
            folders.append(Path(temporary, str(number), "model"))
            folders[-1].mkdir(parents=True)
            make(folders[-1], Path(temporary, "ran"))
        whole = [(each / "MLmodel").read_text(encoding="utf-8") for each in folders]
        right = [yaml.safe_load(each) for each in whole]

        def look(folder: Path) -> None:
            description = mlmodel.read(folder)
            names = [name for name, _ in manifest.files(folder)]
            mlmodel.refuse_outside(folder, description, names)
            formats.refuse_code(folder, description)

        def ask(draw: Random) -> str:
            number = draw.randrange(len(folders))
            if draw.random() < 0.7:
                text = json.dumps(mutate.value(draw, right[number])).encode()
            else:
                text = mutate.content(draw, whole[number].encode())
            (folders[number] / "MLmodel").write_bytes(text)
            verdict = _verdict(partial(look, folders[number]))
            assert not Path(temporary, "ran").exists(), "code of the model ran"
            return verdict

        yield ask


def _schemas() -> list[Any]:
    """Of a small honest model, whose parts stand for all that skops writes."""
    import skops.io
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.tree import DecisionTreeClassifier

    rows, labels = np.arange(12.0).reshape(6, 2), [0, 1, 0, 1, 1, 1]
    scale = make_column_transformer((StandardScaler(), [0]), remainder="passthrough")
    models = (make_pipeline(scale, LogisticRegression()), DecisionTreeClassifier(max_depth=1))
    made = []
    for model in models:
        content = skops.io.dumps(model.fit(rows, labels))
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            made.append(json.loads(archive.read(skops_file.SCHEMA)))
    return made


def _packed(schema: bytes, method: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr("1.npy", b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'shape': (1,)}")
        archive.writestr(skops_file.SCHEMA, schema)
    return buffer.getvalue()


@contextmanager
def _archive() -> Iterator[Ask]:
    schemas = _schemas()
    draw = Random(1)  # noqa: S311 (no secret)
    whole = [
        _packed(json.dumps(draw.choice(schemas)).encode(), _METHODS[number % len(_METHODS)])
        for number in range(_FILES)
    ]
    with tempfile.TemporaryDirectory() as temporary, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of two members of one name
        path = Path(temporary, "model.skops")

        def ask(draw: Random) -> str:
            if draw.random() < 0.3:
                spoiled = mutate.value(draw, draw.choice(schemas))
                content = _packed(json.dumps(spoiled).encode(), zipfile.ZIP_STORED)
            else:
                content = mutate.content(draw, draw.choice(whole))
            path.write_bytes(content)
            return f"{_verdict(partial(hint.executable_kind, path))} as a file, " + _verdict(
                partial(skops_file.refuse_code, path)
            )

        yield ask


TARGETS = (Target("mlmodel", _mlmodel), Target("archive", _archive))
