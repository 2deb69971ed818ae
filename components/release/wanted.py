"""What the registry wants and no record has: the versions that are to be released.

The alias `candidate` is the wish. Every release that ends takes it away from its version
(`components.release.marking`), whatever the outcome, and closes its record after that. So an alias
that is there while no release of its version is open was set since: a version that was rolled back
is released again if, and only if, somebody sets the alias again.
"""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from components.endpoint import Endpoint, refuse_undecidable
from components.errors import InputError
from components.platform import Platform
from components.record import Record
from components.registry import names
from components.release.context import other_place
from components.release.lease import held
from components.release.opening import candidate_of
from components.release.results import Due
from components.release.state import fold


@dataclass(frozen=True)
class Wanted:
    """A release that is to begin."""

    endpoint: Endpoint
    version: str
    release_id: str


@dataclass(frozen=True)
class Standing:
    """What is under way on a platform, as it was found at one time: good for a pass over it."""

    begun: frozenset[str]
    """The releases that have a record."""
    held: frozenset[str]
    """Those that have a lease."""
    busy: frozenset[str]
    """The endpoints with a lease, or with a release that ends."""
    damaged: Mapping[str, InputError]
    """What is wrong with an endpoint's lease."""


def standing(platform: Platform) -> Standing:
    """What is under way now.

    Records are read of those releases alone that no lease stands for: these are short, and few. One
    that is damaged is the reaper's to tell of.

    Raises:
        Unreachable: leases or records do not answer.
    """
    # In the order of what a release that begins or ends meanwhile changes last: it takes its lease
    # before its record begins, and gives its alias up before the record is closed.
    begun = frozenset(platform.records.releases())
    leases: dict[str, str] = {}
    damaged: dict[str, InputError] = {}
    for name in platform.leases.endpoints():
        try:
            if lease := platform.leases.read(name):
                leases[name] = lease.release_id
        except InputError as error:
            damaged[name] = error
    ending = set()
    for release_id in set(platform.records.pending()).difference(leases.values()):
        # One that was reported has given its alias up: that it has predictors left holds nobody.
        if platform.records.is_joined(release_id):
            continue
        with suppress(InputError):
            lines = Record(platform.records, release_id, platform.clock).lines()
            if lines and other_place(platform, lines) is None:
                ending.add(fold(lines).endpoint.name)
    return Standing(begun, frozenset(leases.values()), frozenset({*leases, *ending}), damaged)


def wanted(platform: Platform, endpoint: str, known: Standing | None = None) -> Wanted | None:
    """What is to be released on ``endpoint``; None if nothing is, or a release is under way there.

    Args:
        platform: where.
        endpoint: its name.
        known: what is under way there; default: it is asked for. It may be as old as a pass takes:
            a release that has begun since would be begun by the name that it has already.

    Raises:
        InputError: the endpoint's file, its lease or its model is wrong.
        Unreachable: leases, records or registry do not answer.
    """
    known = known or standing(platform)
    if endpoint in known.damaged:
        raise known.damaged[endpoint]
    if endpoint in known.busy:
        return None
    found = platform.endpoints.load(endpoint)
    version = platform.registry.alias(found.model, names.CANDIDATE)
    if version is None:
        return None
    refuse_undecidable(found)
    return Wanted(found, version, next_id(known.begun, endpoint, version))


def due_at(platform: Platform, endpoint: str, watched: int) -> Due:
    """The same, for a pipeline that was compiled for ``watched`` steps below 100%.

    Raises:
        InputError: see `wanted`; or the endpoint's file has another number of them now.
        Unreachable: see `wanted`.
    """
    found = wanted(platform, endpoint)
    if found is None:
        return Due(begin="no", release_id="", version="")
    steps = sum(step < 100 for step in found.endpoint.release.steps)
    if steps != watched:
        raise InputError(
            f"{endpoint}: release.steps: this pipeline has {watched} below 100, the file {steps}"
            " now: submit the pipeline again"
        )
    return Due(begin="yes", release_id=found.release_id, version=found.version)


def by_hand(platform: Platform, endpoint: str, version: str) -> str:
    """The id of a release that somebody begins by hand: the same as if an alias had begun it.

    Args:
        platform: where.
        endpoint: its name.
        version: of the candidate; empty: that with the alias.

    Raises:
        LeaseHeld: another release is under way there: this one would wait, and then release what
            nobody wants any more.
        InputError: no version is named, and none has the alias.
    """
    begun = platform.records.releases()
    if lease := platform.leases.read(endpoint):
        raise held(lease)
    named = version or candidate_of(platform.registry, platform.endpoints.load(endpoint).model)
    return next_id(begun, endpoint, named)


def next_id(begun: Iterable[str], endpoint: str, version: str) -> str:
    """The id of the version's next release there: it tells attempts apart.

    Whoever asks before that release has a record gets the same one, so that two who are told of a
    candidate begin one release.

    Args:
        begun: the releases that have a record.
        endpoint: its name.
        version: of the candidate.
    """
    first = f"rel-{endpoint}-v{version}-"
    pattern = re.compile(f"{re.escape(first)}([0-9]+)")
    attempts = [int(match[1]) for name in begun if (match := pattern.fullmatch(name))]
    return f"{first}{max(attempts, default=0) + 1}"
