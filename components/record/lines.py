"""What a record's lines say: one frozen type for each kind of line.

The union is open. A kind, or a form of a known kind, that this version does not know is `Unknown`:
readers keep it and show it. Only `replay` and a resumed release must understand every line, so they
refuse a record whose schema is newer (`refuse_newer`).
"""

import re
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any, Literal, get_args

import msgspec
from pydantic import ValidationError

from components.endpoint import Endpoint
from components.errors import InputError, first_fault
from components.evaluation.result import EvaluationResult
from components.identity import Identity
from components.judge import Forecast, Policy, Poll, Sample, Verdict
from components.record.actions import Acted
from components.record.shadow import Shadowed

SCHEMA = 5
"""Rises when a line gets a new kind or form. 1: the first. 2: the policy stands in the endpoint's
settings alone, and what was fetched has its digest and address. 3: a poll tells requests that were
refused, unanswered or sent once more, and when a source began; an end that a person asked for
stands together with an event that says so; a release may have a baseline. 4: a step may be held,
and people decide; a poll after a held promotion is judged; a version may answer for the other one;
what predictors run is written down, and that a candidate is wanted no more; there may be a shadow.
5: how many predictors there are is written down, and a step may be held until there are enough.
"""

RISEN = "schema_risen"
"""Event: from here on lines may be of the later schema that its detail names. It stands before what
a Sluice adds to the record of an earlier one, so that earlier readers know what they do not."""

ReleaseKind = Literal["first", "canary", "re-release", "unchanged"]
"""How a release may go: no champion yet; beside the champion; the same for a version that was
released before; the version is the champion already."""

Outcome = Literal["promoted", "rolled_back", "held", "error"]


class Opened(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The first line: who is released, where, beside whom, and by which settings."""

    schema: int
    release_id: str
    endpoint: str
    model: str
    candidate: str
    """What the version is called at the endpoint: its number, unless another one's is the same."""
    champion: str | None
    release_kind: ReleaseKind = msgspec.field(default="canary", name="path")
    run_id: str = ""
    """The release's own run in MLflow."""
    settings: dict[str, Any] = {}
    """The endpoint's file, with every default filled in."""
    versions: dict[str, Identity] = {}
    """What candidate and champion are, by their names here."""
    aliases: dict[str, str] | None = None
    """Which versions of the model had the aliases `candidate` and `champion` at the beginning.

    Absent in records that were written before it was looked at."""
    tagged: str = ""
    """The release that the candidate's tag named at the beginning: an earlier one of it."""
    place: str = ""
    """Whose release it is, where several teams share one store of records."""
    policy: dict[str, Any] = {}
    """Of schema 1, whose records may lack the settings."""

    def identity(self, name: str) -> Identity:
        """What the version called ``name`` is, as far as the record says."""
        return self.versions.get(name) or Identity(self.model, name, "")

    def judged_by(self) -> Policy:
        """The judge's policy.

        Raises:
            InputError: it is not one.
        """
        if not self.policy:
            return self.endpoint_settings().release.policy()
        try:
            return Policy.model_validate(self.policy)
        except ValidationError as error:
            raise self._refused("policy", error) from error

    def endpoint_settings(self) -> Endpoint:
        """The endpoint's file as it was.

        Raises:
            InputError: this version knows no such settings.
        """
        try:
            return Endpoint.model_validate(self.settings)
        except ValidationError as error:
            raise self._refused("settings", error) from error

    def _refused(self, what: str, error: ValidationError) -> InputError:
        return InputError(
            f"record of {self.release_id}: line 1: its {what} are none of this version:"
            f" {first_fault(error)}: read it with the Sluice that wrote it"
        )


class EvaluationSkipped(msgspec.Struct, frozen=True, kw_only=True):
    """There was nothing to evaluate."""

    skipped: str
    """Why."""
    passed: bool = True
    reasons: tuple[str, ...] = ()


class ForecastMade(Forecast, frozen=True, kw_only=True):
    """How soon the judge would see each fault at the traffic before the release."""

    preflight: str
    """What the latency histogram can decide."""


class Noted(msgspec.Struct, frozen=True):
    """What happened besides the plan."""

    event: str
    detail: str = ""


class Ended(msgspec.Struct, frozen=True):
    """The release is over."""

    outcome: Outcome
    reason: str


class Unknown(msgspec.Struct, frozen=True):
    """A line of a later schema, as it stands."""

    kind: str
    content: Any


Body = (
    Opened
    | EvaluationResult
    | EvaluationSkipped
    | ForecastMade
    | Poll
    | Verdict
    | Shadowed
    | Acted
    | Noted
    | Ended
    | Unknown
)

_KINDS: Mapping[str, Any] = {
    "release": Opened,
    "evaluation": EvaluationResult,
    "forecast": ForecastMade,
    "poll": Poll,
    "verdict": Verdict,
    "shadow": Shadowed,
    "action": Acted,
    "event": Noted,
    "end": Ended,
}
_KIND_OF: Mapping[type, str] = {
    each: kind for kind, type_ in _KINDS.items() for each in (get_args(type_) or (type_,))
} | {EvaluationSkipped: "evaluation"}
_DECODERS = {kind: msgspec.json.Decoder(type_) for kind, type_ in _KINDS.items()}
_SCHEMA = re.compile("[0-9]{1,9}")
_BEYOND = 2**63
_LONG = re.compile(rb"\d{19}")
"""What every number beyond has, and hardly any other."""
_SKIPPED = msgspec.json.Decoder(EvaluationSkipped)


class Line(msgspec.Struct, frozen=True):
    """One line of a record."""

    seq: int
    at: float
    """Seconds since the epoch."""
    body: Body
    hash: str
    content: bytes
    """The body as it was written."""

    @property
    def kind(self) -> str:
        """The name of the line's kind in the file."""
        return self.body.kind if isinstance(self.body, Unknown) else kind_of(self.body)

    def unknown_fields(self) -> dict[str, Any]:
        """What the body holds besides the fields that this version knows."""
        if isinstance(self.body, Unknown):
            return {}
        written = msgspec.json.decode(self.content)
        names = set(self.body.__struct_encode_fields__) | {"action"}
        return {name: value for name, value in written.items() if name not in names}


def kind_of(body: Body) -> str:
    """The name that lines of this kind carry."""
    return _KIND_OF[type(body)]


def decode(kind: str, content: bytes, schema: int, where: str) -> Body:
    """The body of a line.

    Args:
        kind: the line's kind.
        content: its JSON.
        schema: of the record, from its first line.
        where: names the line in errors.

    Raises:
        InputError: the line has not the form of its kind, and the record is not of a later schema.
    """
    if _LONG.search(content) and _is_beyond(msgspec.json.decode(content)):
        raise InputError(f"{where}: a whole number of more than 64 bits: nothing counts so far")
    try:
        if kind in _DECODERS:
            body: Body = _DECODERS[kind].decode(content)
            return body
    except msgspec.ValidationError as error:
        if kind == "evaluation" and b'"skipped"' in content:
            return _decoded(_SKIPPED, content, where)
        if schema <= SCHEMA:
            article = "an" if kind[0] in "ae" else "a"
            raise InputError(f"{where}: this is not {article} {kind} line: {error}") from error
        if kind == "poll":
            return _poll_of_a_later_schema(content)
    return Unknown(kind, msgspec.json.decode(content))


def _is_beyond(value: Any) -> bool:
    """Whether a whole number anywhere in it has more than 64 bits."""
    if isinstance(value, dict):
        return any(map(_is_beyond, value.values()))
    if isinstance(value, list):
        return any(map(_is_beyond, value))
    return isinstance(value, int) and not -_BEYOND <= value < _BEYOND


def _decoded(
    decoder: "msgspec.json.Decoder[EvaluationSkipped]", content: bytes, where: str
) -> Body:
    try:
        return decoder.decode(content)
    except msgspec.ValidationError as error:
        raise InputError(f"{where}: this is not an evaluation line: {error}") from error


def _poll_of_a_later_schema(content: bytes) -> Body:
    """The part of the poll that this version knows, so that its counters can still be drawn."""
    written = msgspec.json.decode(content)
    try:
        sources = {
            version: {
                source: found
                and {name: found[name] for name in Sample.__struct_fields__ if name in found}
                for source, found in by_source.items()
            }
            for version, by_source in written["sources"].items()
        }
        return Poll.from_json(
            {**{name: written[name] for name in ("t", "weights")}, "sources": sources}
        )
    except (InputError, KeyError, TypeError, AttributeError):
        return Unknown("poll", written)


def risen(schema: int, body: Body) -> int:
    """The schema after a line, if that before it was ``schema``."""
    if isinstance(body, Opened):
        return schema or body.schema
    if isinstance(body, Noted) and body.event == RISEN and _SCHEMA.fullmatch(body.detail):
        return max(schema, int(body.detail))
    return schema


def refuse_newer(found: Sequence[Line], what: str) -> None:
    """Stop before `what` is done with a record that holds more than this version understands.

    Raises:
        InputError: the record's schema is newer, from its beginning or since.
    """
    schema = reduce(risen, (line.body for line in found), 0)
    if schema > SCHEMA:
        opened = next(line.body for line in found if isinstance(line.body, Opened))
        raise InputError(
            f"release {opened.release_id} is recorded in schema {schema}, this version"
            f" understands up to {SCHEMA}: {what} it with the Sluice that wrote it, or a newer one"
        )


def schema() -> dict[str, Any]:
    """The JSON schema of one line, as `schemas/record.schema.json` holds it."""
    types = [*_KINDS.values(), EvaluationSkipped]
    found, definitions = msgspec.json.schema_components(types, ref_template="#/$defs/{name}")
    bodies = dict(zip([*_KINDS, "evaluation-skipped"], found, strict=True))
    alternatives = {"evaluation": {"anyOf": [bodies["evaluation"], bodies["evaluation-skipped"]]}}
    hex64 = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Line of a decision record",
        "description": f"Schema {SCHEMA}. Kinds and members that are not listed may come later.",
        "type": "object",
        "required": ["at", "body", "hash", "kind", "prev", "seq"],
        "properties": {
            "seq": {"type": "integer", "minimum": 0},
            "kind": {"type": "string"},
            "at": {"type": "number", "description": "Seconds since the epoch."},
            "body": {},
            "prev": hex64 | {"description": "The hash of the line before; zeros for the first."},
            "hash": hex64
            | {"description": "SHA-256 of the line's bytes without this member, in hexadecimal."},
        },
        "allOf": [
            {
                "if": {"properties": {"kind": {"const": kind}}},
                "then": {"properties": {"body": alternatives.get(kind, bodies[kind])}},
            }
            for kind in _KINDS
        ],
        "$defs": definitions,
    }
