"""Is the candidate good enough to meet users? Scored on held-out rows, against the champion."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from components import dataset
from components.bundle import METADATA
from components.endpoint import Endpoint, Serving
from components.evaluation.result import EvaluationResult, assess
from components.evaluation.scoring import score, score_champion
from components.requirements import mismatches

__all__ = ["EvaluationResult", "evaluate"]


def evaluate(
    endpoint: Endpoint,
    candidate_bundle: Path,
    champion_bundle: Path | None,
    read: Callable[[str, int], bytes],
) -> EvaluationResult:
    """Score candidate and champion on the same held-out rows through the predictor's own code.

    Args:
        endpoint: names the data set and the criteria.
        candidate_bundle: verified files of the candidate.
        champion_bundle: verified files of the version in production; None at a first release.
        read: the bytes at an address, at most so many (`components.platform.Files.read`).

    Raises:
        InputError: the data set is missing, malformed, or does not fit the candidate.
        ArtifactError: the candidate cannot be loaded.
        PlatformError: the object store refused or did not answer.
    """
    criteria = endpoint.evaluation
    data = dataset.read(read, criteria.dataset.uri, criteria.dataset.target)
    data = data.sample(criteria.dataset.rows)

    serving, clients = endpoint.serving, criteria.latency.concurrency
    champion = None
    if champion_bundle:
        served_as = _served_as(champion_bundle, serving)
        champion = score_champion(champion_bundle, served_as, data, clients)
    known = champion.clients if champion else None
    candidate = score(candidate_bundle, serving, data, clients, known)
    found = assess(
        criteria,
        data.targets,
        candidate,
        champion,
        dataset=data.uri,
        dataset_digest=data.digest,
        inputs=candidate.inputs,
    )
    return msgspec.structs.replace(found, warnings=(*found.warnings, *mismatches(candidate_bundle)))


def _served_as(bundle: Path, serving: Serving) -> Serving:
    """How the champion is opened: the file may be meant for a model of another kind by now."""
    fits = serving.runtime == "mlflow" or (bundle / METADATA).is_file()
    return serving if fits else serving.model_copy(update={"runtime": "mlflow"})
