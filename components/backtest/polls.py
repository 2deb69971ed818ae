"""Judging after the event: polls from a file, and which of their versions is which."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

from components.arms import version_of
from components.errors import InputError
from components.files import open_limited
from components.judge import MAX_POLL_BYTES, MIN_TAIL_PAST, Policy, Poll, Preflight, preflight

MAX_FILE_BYTES = 1024**3


class Versions(NamedTuple):
    """Who is judged against whom, and whether that was guessed."""

    champion: str
    candidate: str
    guessed: bool


def read_polls(path: Path) -> list[Poll]:
    """The polls in a file of JSON lines; blank lines are skipped.

    Raises:
        InputError: the file is missing, empty or too large, or a line (named) is no poll.
    """
    with open_limited(path, MAX_FILE_BYTES, too_large="cut it into parts") as file:
        polls = list(_lines(file, path))
    if not polls:
        raise InputError(f"{path}: holds no polls: one line of JSON each, schemas/poll.schema.json")
    return polls


def _lines(file: BinaryIO, path: Path) -> Iterator[Poll]:
    number = 0
    while line := file.readline(MAX_POLL_BYTES + 1):
        number += 1
        try:
            if line.strip():
                yield Poll.parse(line)
        except InputError as error:
            raise InputError(f"{path}:{number}: {error}") from error


def versions(polls: Sequence[Poll], champion: str | None, candidate: str | None) -> Versions:
    """Complete `champion` and `candidate` from the polls.

    The candidate is the version with the smaller weight in the first poll that splits the traffic
    between two; where none does, or evenly, the higher version.

    Raises:
        InputError: the polls do not have exactly two versions and none, or only one, was named.
    """
    if champion is not None and candidate is not None:
        if champion == candidate:
            raise InputError(f"version {champion} cannot be judged against itself")
        return Versions(champion, candidate, guessed=False)
    arms = {arm for poll in polls for arm in (*poll.weights, *poll.sources)}
    found = sorted(set(map(version_of, arms)), key=_order)
    if len(found) != 2 or not {champion, candidate} <= {*found, None}:
        raise InputError(
            f"the polls have versions {', '.join(found) or 'none'}: name --champion and --candidate"
        )
    if candidate is None:
        candidate = next(v for v in found if v != champion) if champion else _lighter(polls, found)
    champion = next(v for v in found if v != candidate)
    return Versions(champion, candidate, guessed=True)


def preflight_of(policy: Policy, polls: Sequence[Poll], champion: str) -> Preflight | None:
    """The preflight that a release would have had: on production's first hundred latencies.

    With fewer all along, the last poll counts. None when production got no request, or when the
    policy has no evidence to decide (`method: threshold`).
    """
    buckets: Counter[str] | None = None
    for poll in polls:
        samples = [sample for sample in poll.sources.get(champion, {}).values() if sample]
        if any(sample.requests for sample in samples):
            buckets = Counter()
            for sample in samples:
                buckets.update(sample.buckets)
            if buckets["+Inf"] >= MIN_TAIL_PAST:
                break
    if buckets is None or policy.method != "sequential":
        return None
    return preflight(policy, buckets)


def _lighter(polls: Sequence[Poll], found: Sequence[str]) -> str:
    """The version with the smaller weight in the first split; `found` is in rising order."""
    low, high = found
    for poll in polls:
        first, second = (
            sum(share for arm, share in poll.weights.items() if version_of(arm) == version)
            for version in (low, high)
        )
        if first > 0 and second > 0:
            return low if first < second else high
    return high


def _order(version: str) -> tuple[int, int, str]:
    """Numbers by value, before anything else."""
    return (0, int(version), "") if version.isdecimal() else (1, 0, version)
