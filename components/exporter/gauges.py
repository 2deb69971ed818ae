"""The gauges: what is told, from what is known. Nothing here reads, waits or looks at a clock."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from components.arms import version_of
from components.cost.prices import Price
from components.endpoint import Endpoint
from components.exporter import families as of
from components.exporter.families import FAMILIES, OUTCOMES, PHASES, Arm, Family
from components.exporter.released import Released
from components.exporter.sources import Archive, Served
from components.exposition import head, labelled
from components.quantity import bytes_of, cores_of

LINGER_S = 300.0
"""How long a release's last evidence is told after its end, or no scrape may see it."""

Sample = tuple[Family, tuple[str, ...], float]
"""The values of the family's labels, in their order, and the number."""


@dataclass(frozen=True)
class Known:
    """Everything that the exporter knows at one time."""

    now: float
    """Seconds since the epoch."""
    endpoints: Mapping[str, Endpoint]
    served: Mapping[str, Served]
    archive: Archive
    leases: Mapping[str, float]
    """When each endpoint's lease expires, in seconds since the epoch."""
    prices: Iterable[Price]
    damaged_leases: int
    damaged_endpoints: int
    up: Mapping[str, bool]
    """Whether each source was read for this scrape."""

    @property
    def names(self) -> set[str]:
        """Every endpoint, whoever knows it."""
        return {*self.endpoints, *self.archive.newest, *self.leases}


def page(known: Known) -> bytes:
    """What a scrape gets: every family, with its samples."""
    lines: dict[Family, list[str]] = {family: [] for family in FAMILIES}
    for family, values, number in samples(known):
        labels = labelled(dict(zip(family.labels, values, strict=True)))
        braced = f"{{{labels}}}" if labels else ""
        lines[family].append(f"{family.name}{braced} {float(number)}")
    text = [
        line
        for family, found in lines.items()
        for line in (*head(family.name, family.kind, family.about), *sorted(found))
    ]
    return "\n".join(text).encode() + b"\n"


def samples(known: Known) -> Iterator[Sample]:
    """Every sample, in any order."""
    for name in known.names:
        yield from _of_endpoint(known, name)
    for price in known.prices:
        yield of.PRICE, (price.id, price.revision), price.usd_per_hour
        yield of.PRICE_AGE, (price.id,), price.age_days(known.now)
    yield of.DAMAGED_RECORDS, (), known.archive.damaged
    yield of.DAMAGED_LEASES, (), known.damaged_leases
    yield of.DAMAGED_ENDPOINTS, (), known.damaged_endpoints
    yield of.UNREAD_RECORDS, (), known.archive.unread
    for source, is_up in known.up.items():
        yield of.SOURCE_UP, (source,), is_up


def _of_endpoint(known: Known, name: str) -> Iterator[Sample]:
    endpoint, newest = known.endpoints.get(name), known.archive.newest.get(name)
    if endpoint:
        yield of.ENDPOINT, (name, endpoint.model), 1
    if served := known.served.get(name):
        yield from _of_versions(name, endpoint, served, newest)
    if name in known.leases:
        yield of.LEASE, (name,), known.leases[name]
    phase = newest.phase if newest else "idle"
    for each in PHASES:
        yield of.PHASE, (name, each), each == phase
    yield of.HELD, (name,), newest is not None and newest.outcome == "held"
    if (ended := known.archive.ended) is not None:
        for outcome in OUTCOMES:
            yield of.FINISHED, (name, outcome), ended.get((name, outcome), 0)
    if newest:
        yield of.STARTED, (name, newest.candidate, newest.release_id), newest.started_at
        if not newest.outcome or known.now - newest.ended_at < LINGER_S:
            for what, test in newest.tests.items():
                yield of.EVIDENCE, (name, what), test.log_e
                yield of.BOUND, (name, what), test.log_needed


def _of_versions(
    name: str, endpoint: Endpoint | None, served: Served, newest: Released | None
) -> Iterator[Sample]:
    for version, stored in served.versions.items():
        arm = arm_of(version, served.weights, newest)
        model, number = (stored.model, stored.version) if stored else ("", "")
        serving = endpoint.serving if endpoint else None
        runtime, price = (serving.runtime, serving.price or "") if serving else ("", "")
        yield of.VERSION, (name, version, arm, model, number, runtime, price), 1
        if serving:
            yield of.CORES, (name, version), cores_of(serving.resources.cpu)
            yield of.MEMORY, (name, version), bytes_of(serving.resources.memory)
    for version, percent in served.weights.items():
        yield of.WEIGHT, (name, version, arm_of(version, served.weights, newest)), percent


def arm_of(version: str, weights: Mapping[str, int], newest: Released | None) -> Arm:
    """The part that a version has now: in the release under way, else who gets users' traffic."""
    if version != version_of(version):
        return "baseline"
    if newest and not newest.outcome:
        return newest.part_of(version) or "spare"
    return "champion" if weights.get(version) else "spare"
