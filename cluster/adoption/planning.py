"""What is to be done until an InferenceService is an endpoint's champion: pure functions.

A plan is made of what stands now, so what was done is in no later plan: an adoption that was cut
off is gone on with by asking for it again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from cluster import adopted, attachment, pins, routes
from cluster.adoption import rules
from cluster.adoption.rules import Theirs
from cluster.attachment import hosts
from cluster.inference_services import stored_in
from cluster.kinds import Object
from cluster.names import MANAGED, OURS, labels, object_name
from cluster.places import service
from cluster.settings import Gateway
from cluster.slots import percent
from components.endpoint import Endpoint
from components.errors import InputError
from components.gateway import KEY_HEADER
from components.platform import StoredVersion

Does = Literal[
    "keep-files", "stand-for", "stage", "reveal", "retire", "empty", "mark", "tell", "configure"
]
"""In this order; each may be done again."""


@dataclass(frozen=True)
class Step:
    """One thing that is to be done."""

    does: Does
    said: str


@dataclass(frozen=True)
class Plan:
    """How an InferenceService becomes an endpoint's champion."""

    endpoint: str
    version: str
    predictor: str
    route: str
    """The team's, that leads to it; empty without one."""
    steps: tuple[Step, ...]
    notes: tuple[str, ...]
    """What changes for users and the team, or does not."""


@dataclass(frozen=True)
class Seen:
    """What stands."""

    endpoint: Endpoint
    text: str
    """The endpoint's file."""
    stored: StoredVersion
    """What the InferenceService serves, by the registry; without an address if it was not kept."""
    predictor: Object
    service: Object
    """KServe's, at which the InferenceService is asked."""
    standing_for: Object | None = None
    """Ours, if it was adopted before."""
    route: Object | None = None
    """The endpoint's."""
    theirs: Object | None = None
    """The team's, that leads to the InferenceService; it may be the endpoint's."""
    others: Sequence[Object] = ()
    """Every route that may be seen."""
    configured: str | None = None
    """The endpoint's file as it is known."""
    champion: str | None = None
    """Which version has the alias."""
    clients: Sequence[str] = ()
    """Who has a key."""


@dataclass(frozen=True)
class Asked:
    """What the user of the command says."""

    gateway: Gateway
    keys_are_sent: bool = False


def services(predictor: Object) -> set[str]:
    """The Services that lead to an InferenceService."""
    name = predictor["metadata"]["name"]
    return {name, f"{name}-predictor", f"{name}-transformer"}


def plan(seen: Seen, asked: Asked) -> Plan:
    """The steps that are left.

    Raises:
        InputError: it cannot be adopted as it is; says the mend.
        PlatformError: the route keeps users with the version that answered once.
    """
    name, version = seen.endpoint.name, seen.stored.version
    _refuse_predictor(seen)
    _refuse_served(seen)
    theirs = _theirs(seen, asked.gateway)
    _refuse_clash(seen, asked.gateway)
    if theirs.retire:
        _refuse_hosts(seen)
    keyed = not theirs.retire or _has_keys(seen.theirs)
    if not keyed and not asked.keys_are_sent:
        raise InputError(
            f"users of {name} need no key until now, and do from then on: let each send one"
            f" ('sluice keys add CLIENT') in the header {KEY_HEADER}, then say --keys-are-sent"
        )
    if not seen.clients:
        raise InputError("nobody has a key: 'sluice keys add CLIENT', so that somebody may ask")
    return Plan(
        endpoint=name,
        version=version,
        predictor=seen.predictor["metadata"]["name"],
        route=seen.theirs["metadata"]["name"] if seen.theirs else "",
        steps=tuple(_steps(seen, theirs)),
        notes=tuple(_notes(seen, asked.gateway, theirs)),
    )


def _refuse_predictor(seen: Seen) -> None:
    metadata = seen.predictor["metadata"]
    name, found = metadata["name"], metadata.get("labels") or {}
    if found.get(MANAGED) == OURS:
        raise InputError(f"InferenceService {name} is Sluice's own: 'sluice status' shows it")
    conditions = (seen.predictor.get("status") or {}).get("conditions") or []
    ready = any((each["type"], each["status"]) == ("Ready", "True") for each in conditions)
    if metadata.get("deletionTimestamp") or not ready:
        raise InputError(
            f"InferenceService {name} is not ready: 'kubectl describe inferenceservice {name}'"
        )
    if seen.standing_for is None:
        return
    held = seen.standing_for
    if not adopted.is_adopted(held):
        raise InputError(
            f"there is a Service {held['metadata']['name']} already: version {seen.stored.version}"
            f" of {seen.endpoint.name} needs that name"
        )
    if adopted.predictor_in(held) != name or stored_in(held).identity != seen.stored.identity:
        raise InputError(
            f"version {seen.stored.version} of {seen.endpoint.name} is InferenceService"
            f" {adopted.predictor_in(held)} already: 'kubectl delete service"
            f" {held['metadata']['name']}' takes that back while it has no traffic"
        )


def _refuse_served(seen: Seen) -> None:
    if seen.route is None or not routes.is_written(seen.route):
        return
    weights = percent(routes.read(seen.route).slots)
    if weights != {seen.stored.version: 100}:
        listed = ", ".join(f"version {arm} {share}%" for arm, share in weights.items())
        raise InputError(
            f"Sluice serves {seen.endpoint.name} already ({listed}): 'sluice release' is the way"
        )


def _theirs(seen: Seen, to: Gateway) -> Theirs:
    """What becomes of the team's rules; nothing of those at another Gateway."""
    if seen.theirs is None or not attachment.attached(seen.theirs, to):
        return Theirs()
    found = seen.theirs
    theirs = rules.sort(found, seen.endpoint.name, services(seen.predictor))
    rules.refuse_sticky(seen.endpoint.name, found, theirs.retire)
    own = object_name(seen.endpoint.name)
    others = theirs.foreign
    if found["metadata"]["name"] == own and others and not _has_keys(found):
        raise InputError(
            f"HTTPRoute {own} will be Sluice's, and ask for keys: give its other rules"
            f" ({rules.described(rules.rule_at(found, others[0]))}) a route of their own, first"
        )
    return theirs


def _has_keys(found: Object | None) -> bool:
    """Whether the policies of the team's keys hold for a route."""
    has = ((found or {"metadata": {}})["metadata"].get("labels") or {}).items()
    return labels(routes.PART).items() <= has


def _refuse_clash(seen: Seen, to: Gateway) -> None:
    name = seen.endpoint.name
    own = {object_name(name), pins.name(name), seen.theirs and seen.theirs["metadata"]["name"]}
    namespace = seen.predictor["metadata"]["namespace"]

    def known(found: Object) -> bool:
        metadata = found["metadata"]
        return metadata["namespace"] == namespace and metadata["name"] in own

    if other := rules.clash(name, hosts(seen.theirs), seen.others, to, known):
        raise InputError(
            f"HTTPRoute {other} has the paths of {name} at the same host: give one of"
            " the two a host of its own, or another name"
        )


def _refuse_hosts(seen: Seen) -> None:
    """Check that the endpoint's route, if it is there, is for the hosts of the team's."""
    ours, theirs = hosts(seen.route), hosts(seen.theirs)
    there = seen.route is not None
    if there and (bool(ours) != bool(theirs) or not set(theirs) <= set(ours)):
        raise InputError(
            f"HTTPRoute {object_name(seen.endpoint.name)} is for {', '.join(ours) or 'any host'},"
            f" the team's for {', '.join(theirs) or 'any host'}: let it have these as well"
        )


def _steps(seen: Seen, theirs: Theirs) -> list[Step]:
    name, version = seen.endpoint.name, seen.stored.version
    predictor = seen.predictor["metadata"]["name"]
    written = seen.route is not None and routes.is_written(seen.route)
    staged = seen.route is not None and rules.is_staged(seen.route)
    steps = []
    if not seen.stored.uri:
        steps.append(Step("keep-files", f"verify and keep the files of version {version}"))
    if seen.standing_for is None:
        arm = service(name, version)
        steps.append(Step("stand-for", f"Service {arm} leads to the pods of {predictor}"))
    if not written and not staged:
        said = f"HTTPRoute {object_name(name)} is at every proxy, and nobody's request meets it"
        steps.append(Step("stage", said))
    if not written:
        steps.append(Step("reveal", f"requests for {name} meet it, with version {version} at 100%"))
    if theirs.retire and seen.theirs is not None:
        said = f"HTTPRoute {seen.theirs['metadata']['name']}: {_places(theirs.retire)} gets none"
        steps.append(Step("retire", f"{said} any more"))
    if seen.theirs is not None and (theirs.retire or rules.leads_anywhere(seen.theirs)):
        said = "goes" if _goes(seen, theirs) else "leads nowhere, and stays in its place"
        places = _places((*theirs.retire, *theirs.retired))
        whole = seen.theirs["metadata"]["name"]
        steps.append(Step("empty", f"HTTPRoute {whole}: {places} {said}"))
    if seen.champion is None:
        steps.append(Step("mark", f"version {version} gets the alias champion"))
    if seen.configured != seen.text:
        steps.append(Step("tell", "an Event says so"))
        # Last: until then nobody can begin a release.
        steps.append(Step("configure", f"the endpoint {name} is known: releases may begin"))
    return steps


def _goes(seen: Seen, theirs: Theirs) -> bool:
    """Whether the team's route has nothing else to do."""
    return (
        seen.theirs is not None
        and seen.theirs["metadata"]["name"] != object_name(seen.endpoint.name)
        and not theirs.wide
        and not theirs.foreign
    )


def _places(places: Sequence[int]) -> str:
    listed = ", ".join(str(place + 1) for place in sorted(places))
    return f"rule {listed}" if len(places) == 1 else f"rules {listed}"


def _notes(seen: Seen, to: Gateway, theirs: Theirs) -> list[str]:
    name, found = seen.endpoint.name, seen.theirs
    predictor = seen.predictor["metadata"]["name"]
    limit = seen.endpoint.gateway.requests_per_second
    notes = [
        f"each client may ask {name} {limit} times a second at each proxy, with a key",
        f"InferenceService {predictor} stays your team's: Sluice neither changes nor deletes it;"
        " change what it serves no more, and take it away when another version is champion",
    ]
    if found is not None:
        whole = f"HTTPRoute {found['metadata']['name']}"
        if not attachment.attached(found, to):
            notes.append(
                f"{whole} belongs to another Gateway and stays: who asks there goes past Sluice, to"
                f" {predictor} for ever"
            )
        notes += [
            f"{whole}: rule {place + 1} ({rules.described(rules.rule_at(found, place))}) takes more"
            f" than the model's paths and stays: what it takes besides goes to {predictor} for ever"
            for place in theirs.wide
        ]
    if theirs.retire:
        notes.append(
            "below the model's paths Sluice answers inference, readiness and metadata alone:"
            " anything else there (such as ':explain') is answered 404 from then on"
        )
    if seen.champion not in (None, seen.stored.version):
        notes.append(
            f"the alias champion of {seen.endpoint.model} is on version {seen.champion} and stays:"
            " what the endpoint serves counts"
        )
    return notes
