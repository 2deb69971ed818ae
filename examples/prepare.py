"""All example models and data sets onto a platform; a second time finds everything there."""

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from components import dataset
from components.errors import PlatformError, Unreachable
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


def prepare(registry_url: str, cache: Path, data: Path, say: Say) -> list[Registered]:
    """Upload the data sets, make the example versions that are missing, and register them.

    Args:
        registry_url: the MLflow server.
        cache: a folder for what is slow to make; see `examples.banking77.build`.
        data: folder with Banking77's `train.csv` and `test.csv`.
        say: told in one line what is done next.

    Returns:
        Every example version, new or found, in order of model and version.

    Raises:
        InputError: data or weights are missing.
        PlatformError: a server refused.
    """
    server = client(registry_url)
    return [
        *_banking77(server, cache, banking77.load_sources(data), data, say),
        *prepare_tumour(server, say),
    ]


def _banking77(
    server: Any, cache: Path, sources: banking77.Sources, data: Path, say: Say
) -> list[Registered]:
    for uri, name in ((BANKING77_TRAIN, "train.csv"), (BANKING77_TEST, "test.csv")):
        upload(uri, (data / name).read_bytes())
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


def prepare_tumour(server: Any, say: Say) -> list[Registered]:
    """The tabular data sets and versions; see `prepare`."""
    train, test = tabular.split()
    train_csv = tabular.to_csv(train)
    upload(TUMOUR_TRAIN, train_csv)
    upload(TUMOUR_TEST, tabular.to_csv(test))
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


def upload(uri: str, content: bytes) -> None:
    """Store ``content`` at ``uri`` (``s3://bucket/key``) unless it is there already.

    Raises:
        Unreachable: the object store did not answer.
        PlatformError: the object store refused.
    """
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

    bucket, _, key = uri.removeprefix("s3://").partition("/")
    try:
        with closing(dataset.s3_client()) as store:
            there = _is_there(store, bucket, key, len(content))
            if not there or dataset.read_bytes(uri) != content:
                store.put_object(Bucket=bucket, Key=key, Body=content)
    except HTTPClientError as error:
        raise Unreachable(f"{uri}: the object store did not answer: {error}") from error
    except (ClientError, BotoCoreError) as error:
        raise PlatformError(f"{uri}: the object store refused: {error}") from error


def _is_there(store: Any, bucket: str, key: str, size: int) -> bool:
    listed: Sequence[Any] = store.list_objects_v2(Bucket=bucket, Prefix=key).get("Contents", [])
    return any(entry["Key"] == key and entry["Size"] == size for entry in listed)
