"""What the registry wants and no record has: the versions that are to be released.

The alias `candidate` is the wish. Every release that ends takes it away from its version
(`components.release.marking`), whatever the outcome, and closes its record after that. So an alias
that is there while no release of its version is open was set since: a version that was rolled back
is released again if, and only if, somebody sets the alias again.
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from components.endpoint import Endpoint, refuse_undecidable
from components.errors import InputError
from components.platform import Platform
from components.record import Record
from components.registry import names
from components.release.context import other_place
from components.release.state import fold


@dataclass(frozen=True)
class Wanted:
    """A release that is to begin."""

    endpoint: Endpoint
    version: str
    release_id: str


def wanted(platform: Platform, endpoint: str) -> Wanted | None:
    """What is to be released on ``endpoint``; None if nothing is, or a release is under way there.

    Raises:
        InputError: the endpoint's file or its model is wrong.
        Unreachable: lease, records or registry do not answer.
    """
    # In the order of what a release that begins or ends meanwhile changes last: it takes its lease
    # before its record begins, and gives its alias up before the record is closed.
    begun = platform.records.releases()
    if platform.leases.read(endpoint) is not None or _is_ending(platform, endpoint):
        return None
    found = platform.endpoints.load(endpoint)
    version = platform.registry.alias(found.model, names.CANDIDATE)
    if version is None:
        return None
    refuse_undecidable(found)
    return Wanted(found, version, next_id(begun, endpoint, version))


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


def _is_ending(platform: Platform, endpoint: str) -> bool:
    """Whether a release of the endpoint is open that has no lease any more.

    Records are read of those alone that no lease stands for: these are short, and few. One that is
    damaged, and a damaged lease, is the reaper's to tell of.
    """
    held = set()
    for name in platform.leases.endpoints():
        with suppress(InputError):
            if lease := platform.leases.read(name):
                held.add(lease.release_id)
    for release_id in set(platform.records.pending()) - held:
        with suppress(InputError):
            lines = Record(platform.records, release_id, platform.clock).lines()
            ours = lines and other_place(platform, lines) is None
            if ours and fold(lines).endpoint.name == endpoint:
                return True
    return False
