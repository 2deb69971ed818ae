import fcntl
import queue
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from components.errors import InputError
from components.load.mix import LONG_WORDS, long_message
from examples import banking77, head, minilm, tabular
from examples.encode import open_tokenizer, tokenize
from examples.quantize import Measurement, choose

DATA = Path(__file__).parents[2] / "data" / "banking77"


@pytest.fixture(scope="module")
def sources() -> banking77.Sources:
    return banking77.load_sources(DATA)


def row(form: str, accuracy: float, speed: float) -> Measurement:
    return Measurement(form=form, accuracy=accuracy, rows_per_cpu_second=speed, megabytes=1)


def test_the_fastest_form_within_half_a_point_is_chosen() -> None:
    table = [row("fp32", 0.93, 100), row("int8", 0.926, 200), row("uint8", 0.92, 400)]
    assert choose(table) == "int8"


def test_fp32_is_kept_when_every_other_form_loses_too_much() -> None:
    assert choose([row("fp32", 0.93, 100), row("int8", 0.9249, 900)]) == "fp32"


def test_a_near_tie_goes_to_the_earlier_form() -> None:
    assert choose([row("fp32", 0.9, 100), row("int8", 0.9, 200), row("uint8", 0.9, 209)]) == "int8"


def test_without_an_fp32_row_there_is_no_choice() -> None:
    with pytest.raises(ValueError, match="no fp32 row"):
        choose([row("int8", 0.9, 100)])


def test_the_small_part_has_equal_classes_and_is_the_same_each_time() -> None:
    targets = [f"c{index % 7}" for index in range(700)]
    kept = banking77.small_part(targets, 15)
    assert Counter(targets[index] for index in kept) == {f"c{n}": 15 for n in range(7)}
    assert kept == banking77.small_part(targets, 15) == sorted(set(kept))


def test_a_class_with_too_few_rows_is_named() -> None:
    with pytest.raises(InputError, match="class rare has 1 rows, not 2"):
        banking77.small_part(["often", "often", "rare"], 2)


def test_a_recipe_is_found_again_only_when_nothing_about_it_changed(
    sources: banking77.Sources,
) -> None:
    full = banking77.RECIPES[1]
    assert sources.recipe_digest(full) == banking77.load_sources(DATA).recipe_digest(full)
    others = {
        sources.recipe_digest(replace(full, max_tokens=64)),
        replace(sources, train=sources.test).recipe_digest(full),
        *(sources.recipe_digest(recipe) for recipe in banking77.RECIPES),
    }
    assert len(others) == 2 + len(banking77.RECIPES)


def test_of_many_who_want_the_models_one_makes_them_and_the_others_find_them(
    sources: banking77.Sources, tmp_path: Path
) -> None:
    full, told = banking77.RECIPES[1], queue.SimpleQueue[str]()
    with ThreadPoolExecutor(1) as pool:
        with (tmp_path / "making.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            asked = pool.submit(banking77.build, sources, [full], tmp_path, told.put)
            assert told.get(timeout=30).startswith("waiting for another process")
            made = tmp_path / f"full-{sources.recipe_digest(full)[:16]}"
            made.mkdir()
            (made / "notes.json").write_text('{"card": "#", "metrics": {}, "params": {}}')
        found = asked.result(timeout=60)
    assert found == {full: banking77.Built(full, made / "bundle", "#", {}, {})}
    assert told.empty()


def test_the_strict_version_takes_every_held_out_text_and_no_long_message(
    sources: banking77.Sources,
) -> None:
    strict = next(recipe for recipe in banking77.RECIPES if recipe.overlong == "raise")
    tokenizer = open_tokenizer((sources.weights / "tokenizer.json").read_text(), 512)
    held_out = tokenize(tokenizer, sources.test.texts())
    assert max(map(len, held_out)) <= strict.max_tokens
    draw = random.Random(0)  # noqa: S311 (no secret)
    messages = [long_message(sources.test.texts(), draw) for _ in range(200)]
    assert min(len(message.split()) for message in messages) >= LONG_WORDS
    assert min(map(len, tokenize(tokenizer, messages))) > strict.max_tokens


def test_the_slow_version_has_the_unoptimised_graph_and_pads() -> None:
    slow = banking77.RECIPES[2]
    assert (slow.graph, slow.pad_to, slow.overlong) == ("plain", 96, "truncate")


def test_a_head_separates_what_can_be_separated() -> None:
    draw = np.random.default_rng(3)
    centres = draw.normal(size=(4, minilm.WIDTH))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    index = np.arange(200) % 4
    noise = 0.02 * draw.normal(size=(200, minilm.WIDTH))
    embeddings = (centres[index] + noise).astype(np.float32)
    targets = [f"class {number}" for number in index]
    trained = head.fit(embeddings, targets)
    assert trained.labels == ("class 0", "class 1", "class 2", "class 3")
    assert trained.weight.shape == (minilm.WIDTH, 4)
    assert head.predict(trained, embeddings) == targets


def test_the_tabular_split_is_the_same_each_time_and_shares_no_row() -> None:
    train, test = tabular.split()
    assert tabular.to_csv(train) == tabular.to_csv(tabular.split()[0])
    assert not set(train.index) & set(test.index)
    assert len(train) + len(test) == 569
    assert set(train[tabular.TARGET]) == {"benign", "malignant"}
