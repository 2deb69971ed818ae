"""A policy from a file: the judge's own keys, a release section, or a whole endpoint file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from components import endpoint as endpoints
from components import yaml_text
from components.durations import seconds
from components.endpoint import MAX_FILE_BYTES, Release
from components.errors import InputError, describe, faults
from components.files import read_limited
from components.judge import Policy


class PolicyFile(NamedTuple):
    """A policy, and the versions if the file names them."""

    policy: Policy
    champion: str | None
    candidate: str | None


def load(path: Path) -> PolicyFile:
    """Read a policy from YAML or JSON.

    Three forms are understood: keys of `Policy`, with ``watch: 30m`` and ``poll: 15s`` for
    ``watch_s`` and ``poll_s``; an endpoint's ``release`` section; a whole endpoint file. The first
    may name ``champion`` and ``candidate``.

    Raises:
        InputError: the file is missing, too large, not YAML, or holds an unknown or wrong key.
    """
    raw = read_limited(path, MAX_FILE_BYTES, too_large="no policy is")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text") from error
    content = yaml_text.parse(text, str(path)).content
    if not isinstance(content, dict):
        raise InputError(f"{path}: a policy is a mapping, for example 'error_rate: 0.01'")
    if "release" in content or "model" in content:
        return PolicyFile(endpoints.parse(text, str(path)).release.policy(), None, None)
    try:
        return _parse(content)
    except ValidationError as error:
        raise InputError(f"{path}: {'; '.join(describe(*it) for it in faults(error))}") from error
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error


def _parse(content: Mapping[str, Any]) -> PolicyFile:
    keys = dict(content)
    named = [keys.pop(role, None) for role in ("champion", "candidate")]
    champion, candidate = (None if version is None else str(version) for version in named)
    if "judge" in keys:
        return PolicyFile(Release.model_validate(keys).policy(), champion, candidate)
    for key in ("watch", "poll"):
        if key in keys:
            keys[f"{key}_s"] = seconds(keys.pop(key))
    return PolicyFile(Policy.model_validate(keys), champion, candidate)
