"""What the predictor's benchmarks share: the bundle and the texts."""

import random
from collections.abc import Sequence
from pathlib import Path

from components.load.mix import long_message
from examples import banking77

RUNS = Path(__file__).parent / "runs"
"""Raw figures, a file a run."""
LONG_SHARE = 0.05
_TEXTS = 1000

Mix = Sequence[tuple[str, bool]]
"""Texts, and whether each is a long one."""


def mixes(seed: int = 7) -> dict[str, Mix]:
    """Banking77's test sentences, and the same with 5% of texts of 128 tokens."""
    draw = random.Random(seed)  # noqa: S311 nothing secret
    texts = banking77.load_sources(Path("data/banking77")).test.texts()
    typical = [(text, False) for text in draw.sample(texts, _TEXTS)]
    every = round(1 / LONG_SHARE)
    skewed = [
        (long_message(texts, draw), True) if number % every == 0 else pair
        for number, pair in enumerate(typical)
    ]
    return {"typical": typical, "skewed": skewed}


def bundle() -> Path:
    """Version 2's files as `sluice prepare` makes them."""
    sources = banking77.load_sources(Path("data/banking77"))
    recipe = next(recipe for recipe in banking77.RECIPES if recipe.name == "full")
    built = banking77.build(sources, [recipe], Path(".cache/models"), print)
    return built[recipe].folder
