"""What objects are called, and the labels and annotations by which people and we know them.

Identity stands in annotations, in full; names are for people, and are never parsed.
"""

import hashlib
import re
from collections.abc import Mapping

from cluster.kinds import Object

_PREFIX = "sluice.release"

MANAGED = "app.kubernetes.io/managed-by"
OURS = "sluice"
"""The value of `MANAGED` on every object that we make."""
PART = f"{_PREFIX}/part"
"""Which part of the platform an object is, so that those of one part can be listed."""
ENDPOINT = f"{_PREFIX}/endpoint"
ARM = f"{_PREFIX}/arm"
"""See `components.arms`. Both are labels as far as their alphabet goes, and annotations in full."""

LONGEST_PREDICTOR = 48
"""Of an InferenceService: KServe labels its pods ``app=isvc.<name>-predictor``, in 63 letters."""
_LONGEST = 63
_DIGITS = 10
_PLAIN = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_MADE_UP = re.compile(rf".*--[0-9a-f]{{{_DIGITS}}}")
"""What a shortened name ends with, and no other may."""
_PLAIN_ARM = re.compile(r"[0-9]+(-[0-9a-f]{8})?(-baseline)?")
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?")


def object_name(name: str, longest: int = _LONGEST) -> str:
    """A name of any length and alphabet as an object's; ordinary names stay as they are."""
    if _PLAIN.fullmatch(name) and len(name) <= longest and not _MADE_UP.fullmatch(name):
        return name
    return _made_up(name, name, longest)


def predictor_name(endpoint: str, arm: str) -> str:
    """The InferenceService of one arm of an endpoint."""
    name = f"{endpoint}-v{arm}"
    # Of any other arm the name could be that of another endpoint's.
    if _PLAIN_ARM.fullmatch(arm):
        return object_name(name, LONGEST_PREDICTOR)
    return _made_up(name, f"{endpoint}\0{arm}", LONGEST_PREDICTOR)


def _made_up(name: str, whole: str, longest: int) -> str:
    digest = hashlib.sha256(whole.encode()).hexdigest()[:_DIGITS]
    plain = re.sub("[^a-z0-9]+", "-", name.lower())[: longest - _DIGITS - 2].strip("-")
    return f"{plain or 'x'}--{digest}"


def label_value(text: str) -> str:
    """A text as a label's value; what cannot be one is shortened as names are."""
    plain = _LABEL.fullmatch(text) and len(text) <= _LONGEST and not _MADE_UP.fullmatch(text)
    return text if plain else object_name(text)


def labels(part: str, **more: str) -> dict[str, str]:
    """The labels of an object of ours; ``endpoint`` and ``arm`` by these names."""
    own = {f"{_PREFIX}/{key}": label_value(value) for key, value in more.items()}
    return {MANAGED: OURS, PART: part, **own}


def annotation(key: str) -> str:
    """The name of an annotation or label of ours."""
    return f"{_PREFIX}/{key}"


def is_ours(found: Object) -> bool:
    """Whether an object says that it is one of ours; people may have taken some of its marks."""
    metadata = found["metadata"]
    annotations: Mapping[str, str] = metadata.get("annotations") or {}
    managed = (metadata.get("labels") or {}).get(MANAGED) == OURS
    return managed or any(key.startswith(f"{_PREFIX}/") for key in annotations)


def said(found: Object, key: str) -> str:
    """What an annotation of ours says; empty without it."""
    annotations: Mapping[str, str] = found["metadata"].get("annotations") or {}
    return annotations.get(annotation(key), "")
