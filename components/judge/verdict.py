"""The verdict: what the judge decides, why, and every number behind it."""

from math import floor
from typing import Any, Literal

import msgspec

Decision = Literal["PROMOTE", "ROLLBACK", "HOLD", "ERROR"]

RULE = 4
"""The version of the judge's rule; it rises when the same polls may lead to another verdict.

1: the first. 2: evidence over the limit counts for good, both versions are compared over the same
time, and stale readings are told from restarts. 3: the champion's older latencies fade. 4: an
answer that never came has failed and is slow, what the client did wrong is held against
production's share and thins out no rate, a reading comes from one life of its source, counters over
a gap are compared, and a p95 in a wide bucket decides nothing.
"""

Code = Literal[
    # Why there is no evidence yet; none of these four is a pass.
    "both_idle",  # nobody asks
    "candidate_starved",  # production is asked but the candidate is not
    "scrape_down",  # the counters cannot be read
    "undecided",  # the counts are there and decide nothing
    "waiting",  # the candidate has no share of the traffic, or all of it
    "watching",  # the watch has not ended and nothing is wrong
    "late_poll",  # a duplicate, or older than the poll before: ignored
    "safe",  # evidence of safety at the step's end
    "suspected",  # the watch has not ended and something looks wrong
    "passed",  # the step was passed before; the next share is to come
    "error_rate",  # over the limit and worse than production
    "shared_fault",  # over the limit, but production fails as well
    "refused",  # refuses more requests than production
    "p95",  # slower than production by more than the ratio
    "p95_undecidable",  # no pair of histogram edges can decide the ratio
    "split_mismatch",  # the traffic is not split as the weights say
    "not_comparable",  # the weights name a version that is neither, or make no sense
    "one_client",  # most of the candidate's requests were one client's
    "few_clients",  # no evidence of as many clients as the policy asks for
    "invalid_sample",  # a sample that cannot be true was seen
    "unreadable_poll",  # no poll at all
]


class Reason(msgspec.Struct, frozen=True):
    """One reason, for programs (`code`) and for people (`text`)."""

    code: Code
    text: str


class Test(msgspec.Struct, frozen=True):
    """Evidence in nats: the test speaks once `log_e` is at least `log_needed`."""

    log_e: float
    log_needed: float
    spoke: bool = False
    """It was enough at an earlier poll, which counts for good: Ville's inequality bounds the
    probability that the evidence is *ever* so strong."""

    @property
    def speaks(self) -> bool:
        """The evidence is enough, or was."""
        return self.spoke or self.log_e >= self.log_needed


class Arm(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one version did while both were watched."""

    requests: float
    errors: float
    latencies: float
    """Answers whose latency is known."""
    p95_ms: float | None
    """Of this step (`method: threshold`: of all), read from the histogram; None while it is empty,
    and beyond its highest edge."""
    refused: float = 0.0
    """Requests that it refused as the client's fault; not among the others."""
    unanswered: float = 0.0
    """Of the errors: no answer came."""
    retried: float = 0.0
    """Requests that the gateway sent once more: each may hide a failure."""

    @property
    def asked(self) -> float:
        """All requests that reached the version."""
        return self.requests + self.refused


class P95(msgspec.Struct, frozen=True):
    """The pair of edges of the newest poll, and what it has shown."""

    champion_edge_ms: float
    candidate_edge_ms: float
    champion_slower: float | None
    """Share of the champion's answers of this step that were slower than its edge."""
    candidate_slower: float | None
    """Share of the candidate's, likewise."""
    safe_ratio: float
    """The p95 ratio that promotion asks to be ruled out."""


class OneClient(msgspec.Struct, frozen=True):
    """Whose requests most of the candidate's were."""

    client: str
    share: float
    """Of its requests, 0 to 1."""

    @property
    def said(self) -> str:
        """In words."""
        return f"{floor(100 * self.share)}% of the evidence came from one client, {self.client}"


class Evidence(msgspec.Struct, frozen=True, omit_defaults=True):
    """Every number behind a verdict."""

    candidate: Arm
    champion: Arm
    limit: Test
    """The candidate's error rate is over the limit (betting, per poll)."""
    relative: Test
    """The candidate's error rate is above the champion's."""
    latency: Test
    """The candidate is slower than the p95 ratio allows."""
    split: Test
    """The traffic is not split as the weights say."""
    safe: Test
    """The candidate's error rate is below the limit (independent requests)."""
    p95_safe: Test
    """The candidate's p95 is less than `p95.safe_ratio` times the champion's."""
    p95: P95 | None
    """None until an edge pair is known."""
    observed_share: float | None
    """Percent of requests that the candidate got in this step."""
    step_requests: float
    """The candidate's requests in this step."""
    watched_s: float
    """Seconds of this step's watch that have passed."""
    refused: Test | None = None
    """The candidate refuses more requests than the champion; None before rule 4."""
    beside: Literal["production", "the baseline"] = "production"
    """Whom the candidate was compared with in the newest poll (`components.arms`)."""
    one_client: OneClient | None = None
    """None unless it made more than the policy's `client_share` of the candidate's requests."""
    others_safe: Test | None = None
    """As `safe`, without the busiest clients; None where the policy asks for evidence of one."""


class Verdict(msgspec.Struct, frozen=True):
    """The judge's answer to one poll."""

    decision: Decision
    final: bool
    """Nothing that comes later can change it: the release is over for the judge."""
    at: float
    """The poll's `t`."""
    step: float
    """Percent of traffic that the candidate has."""
    next_step: int | None
    """For PROMOTE: the percent to take next; 100 is the promotion."""
    reasons: tuple[Reason, ...]
    evidence: Evidence | None
    rule: int = 1
    """The version of the rule that decided; records of the first do not name it."""

    @property
    def text(self) -> str:
        """The reasons in one line."""
        return "; ".join(reason.text for reason in self.reasons)

    def to_json(self) -> dict[str, Any]:
        """The verdict as a JSON object."""
        # As it will be read again, so that a record compares at once: lists, not tuples.
        body: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        return body

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> "Verdict":
        """The verdict that `to_json` wrote.

        Raises:
            msgspec.ValidationError: it is none.
        """
        return msgspec.convert(body, cls)


def explain(body: dict[str, Any]) -> str:
    """A recorded verdict's reasons in one line.

    Raises:
        msgspec.ValidationError: `body` is no verdict.
    """
    return Verdict.from_json(body).text
