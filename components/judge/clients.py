"""Whose requests the candidate's evidence is made of, and what is left without the busiest clients.

An endpoint's file may ask for evidence of several clients (`min_clients`). Then a promotion needs,
besides all else, that the error rate is shown to be below the limit once more, without what the
busiest clients asked, so that nobody thins out others' failures with requests of his own. That is
one condition more, on promotion alone: it can make no promise to a good version worse, and for each
client that may be the busiest the chance to promote what fails the others is at most
`false_promotion` (`evidence.log_safety`: an e-process of the others' requests).
"""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from components.judge.constants import SAFE_FRACTIONS
from components.judge.counters import Interval
from components.judge.evidence import Count, add, log_safety
from components.judge.growth import MAX_COUNT
from components.judge.policy import Policy
from components.judge.poll import Asked
from components.judge.verdict import OneClient

_NONE = Count(0.0, 0.0)

Counts = Mapping[str, Count]
"""Failed requests among all, by client."""


class Heard(msgspec.Struct, frozen=True):
    """What each client asked of the candidate."""

    last: Counts | None = None
    """As it was read at the newest poll that can be gone on from; None if there is none."""
    total: Counts = MappingProxyType({})
    """Added up while the traffic was shared."""


def listen(heard: Heard, asked: Mapping[str, Asked], interval: Interval, *, shared: bool) -> Heard:
    """Take one poll's counters by client.

    They belong to no source, so they count only between two readings of every source of which none
    was late or began anew: what is missed makes the evidence of several clients less, never more.
    """
    if not interval.read:
        return heard
    now = {client: Count(of.errors, of.requests) for client, of in asked.items()}
    if not (interval.whole and all(map(_is_count, now.values()))):
        return msgspec.structs.replace(heard, last=None)
    if heard.last is None or not shared:
        return msgspec.structs.replace(heard, last=now)
    if not now and not heard.last:
        return heard
    grown = {
        client: Count(was.hits - before.hits, was.trials - before.trials)
        for client in {*now, *heard.last}
        for was, before in [(now.get(client, _NONE), heard.last.get(client, _NONE))]
    }
    if not all(map(_is_count, grown.values())):
        return msgspec.structs.replace(heard, last=None)
    total = {
        client: add(heard.total.get(client, _NONE), grown.get(client, _NONE))
        for client in {*heard.total, *grown}
    }
    return Heard(now, total)


def _is_count(count: Count) -> bool:
    return 0 <= count.hits <= count.trials <= MAX_COUNT


def one_client(heard: Heard, policy: Policy) -> OneClient | None:
    """The client with most of the requests, if it made more than `client_share` of them."""
    everybody = sum(count.trials for count in heard.total.values())
    if not everybody:
        return None
    client = busiest(heard, 1)[0]
    share = heard.total[client].trials / everybody
    return OneClient(client, share) if share > policy.client_share else None


def busiest(heard: Heard, clients: int) -> list[str]:
    """So many clients with most requests, the busiest first."""
    return sorted(heard.total, key=lambda client: (-heard.total[client].trials, client))[:clients]


def without(heard: Heard, left_out: list[str]) -> Count:
    """What the others asked."""
    others = _NONE
    for client, count in sorted(heard.total.items()):
        others = others if client in left_out else add(others, count)
    return others


def log_safety_without(heard: Heard, policy: Policy) -> float:
    """`evidence.log_safety` without the clients that must not carry a promotion alone."""
    others = without(heard, busiest(heard, policy.min_clients - 1))
    return log_safety(others, policy.error_rate, SAFE_FRACTIONS)
