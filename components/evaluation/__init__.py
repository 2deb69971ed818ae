"""Is the candidate good enough to meet users? Scored on held-out rows, against the champion."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from components import dataset
from components.endpoint import Endpoint
from components.evaluation.apart import score_apart
from components.evaluation.recheck import deviations
from components.evaluation.result import EvaluationResult, assess
from components.requirements import mismatches

__all__ = ["EvaluationResult", "deviations", "evaluate"]


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
    scored = score_apart(
        candidate_bundle, endpoint.serving, data, criteria.latency.concurrency, champion_bundle
    )
    found = assess(
        criteria,
        data.targets,
        scored.candidate,
        scored.champion,
        dataset=data.uri,
        dataset_digest=data.digest,
        inputs=scored.inputs,
    )
    return msgspec.structs.replace(found, warnings=(*found.warnings, *mismatches(candidate_bundle)))
