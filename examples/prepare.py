"""All example models and data sets onto a platform; a second time finds everything there."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from components import dataset
from components.disk import file_name, locked
from components.errors import InputError
from components.platform import Files, Platform
from components.registry import flavor
from components.registry.register import Candidate, Registered, client, find, register
from examples import banking77, tabular

EXPERIMENT = "sluice-examples"
BUCKET = "datasets"
BANKING77_TRAIN = f"s3://{BUCKET}/banking77/train.csv"
BANKING77_TEST = f"s3://{BUCKET}/banking77/test.csv"
TUMOUR_TRAIN = f"s3://{BUCKET}/tumour/train.csv"
TUMOUR_TEST = f"s3://{BUCKET}/tumour/test.csv"

Say = Callable[[str], None]


def prepare(platform: Platform, cache: Path, data: Path, say: Say) -> list[Registered]:
    """Upload the data sets, make the example versions that are missing, and register them.

    Args:
        platform: whose registry and store.
        cache: a folder for what is slow to make; see `examples.banking77.build`.
        data: folder with Banking77's `train.csv` and `test.csv`.
        say: told in one line what is done next.

    Returns:
        Every example version, new or found, in order of model and version.

    Raises:
        InputError: data or weights are missing.
        PlatformError: a server refused.
    """
    server = client(platform.registry.url)
    sources = banking77.load_sources(data)
    for uri, name in ((BANKING77_TRAIN, "train.csv"), (BANKING77_TEST, "test.csv")):
        upload(platform.files, uri, (data / name).read_bytes())
    cache.mkdir(parents=True, exist_ok=True)
    # The registry numbers versions as they come: those of two who prepare it at once would mix.
    with locked(cache / f"{file_name(platform.registry.url)}.lock"):
        return [
            *_banking77(server, cache, sources, say),
            *prepare_tumour(server, platform.files, say),
        ]


def _banking77(server: Any, cache: Path, sources: banking77.Sources, say: Say) -> list[Registered]:
    digests = [sources.recipe_digest(recipe) for recipe in banking77.RECIPES]
    done = [find(server, banking77.MODEL, digest) for digest in digests]
    missing = [r for r, found in zip(banking77.RECIPES, done, strict=True) if found is None]
    if not missing:
        return [found for found in done if found]
    built = banking77.build(sources, missing, cache, say)
    for index, (recipe, digest) in enumerate(zip(banking77.RECIPES, digests, strict=True)):
        if made := built.get(recipe):
            say(f"registering {banking77.MODEL} {recipe.name}")
            done[index] = register(server, _text_candidate(made, digest, sources))
    return [found for found in done if found]


def _text_candidate(made: banking77.Built, digest: str, sources: banking77.Sources) -> Candidate:
    return Candidate(
        experiment=EXPERIMENT,
        model=banking77.MODEL,
        recipe=digest,
        name=made.recipe.name,
        summary=made.recipe.summary,
        card=made.card,
        save=lambda folder, description: flavor.save(made.folder, folder, description),
        metrics=made.metrics,
        params=made.params,
        data_uri=BANKING77_TRAIN,
        data_digest=sources.train.digest,
    )


def prepare_tumour(server: Any, files: Files, say: Say) -> list[Registered]:
    """The tabular data sets and versions; see `prepare`."""
    train, test = tabular.split()
    train_csv = tabular.to_csv(train)
    upload(files, TUMOUR_TRAIN, train_csv)
    upload(files, TUMOUR_TEST, tabular.to_csv(test))
    done = []
    for recipe in tabular.RECIPES:
        digest = tabular.recipe_digest(recipe, train_csv)
        found = find(server, tabular.MODEL, digest)
        if found is None:
            say(f"registering {tabular.MODEL} {recipe.name}")
            made = tabular.build(recipe, train, test)
            found = register(
                server,
                Candidate(
                    experiment=EXPERIMENT,
                    model=tabular.MODEL,
                    recipe=digest,
                    name=recipe.name,
                    summary=recipe.summary,
                    card=made.card,
                    save=made.save,
                    metrics=made.metrics,
                    params={"recipe": recipe.name},
                    data_uri=TUMOUR_TRAIN,
                    data_digest=dataset.parse(train_csv, tabular.TARGET, TUMOUR_TRAIN).digest,
                ),
            )
        done.append(found)
    return done


def upload(files: Files, uri: str, content: bytes) -> None:
    """Store ``content`` at ``uri`` unless it is there already.

    Raises:
        Unreachable: the object store did not answer.
    """
    try:
        if files.read(uri, dataset.MAX_BYTES) == content:
            return
    except InputError:
        pass  # nothing is there, or something else
    files.write(uri, content)
