"""The poll: raw cumulative counters by version and source, as the judge reads them."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from components.errors import InputError

MAX_POLL_BYTES = 4 * 1024**2

_Share = Annotated[float, msgspec.Meta(ge=0, le=100)]
_Seconds = Annotated[
    float, msgspec.Meta(ge=0, description="Seconds since the release began; rises with each poll.")
]
_Count = Annotated[float, msgspec.Meta(extra_json_schema={"minimum": 0})]
"""The schema refuses negative counts; the decoder leaves them to the judge, who never promotes."""
_Buckets = Annotated[
    dict[str, _Count],
    msgspec.Meta(
        description="Answers at most this slow, cumulative, by upper edge in milliseconds;"
        " '+Inf' is all answers whose latency is known."
    ),
]


class Sample(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Cumulative counters of one source (a gateway replica or a pod) for one version.

    What belongs to no version (no key, too many requests) is in none of them.
    """

    requests: Annotated[
        _Count,
        msgspec.Meta(description="Answered, or failed for want of an answer; not the refused."),
    ]
    errors: Annotated[_Count, msgspec.Meta(description="Of the requests: those that failed.")]
    buckets: _Buckets
    refused: Annotated[
        _Count,
        msgspec.Meta(description="Requests that the version refused as the client's fault (4xx)."),
    ] = 0.0
    unanswered: Annotated[
        _Count,
        msgspec.Meta(
            description="Of the errors: no answer came, for example as the client gave up. They"
            " are in no bucket and count as slower than every edge."
        ),
    ] = 0.0
    retried: Annotated[
        _Count, msgspec.Meta(description="Requests that the gateway sent once more.")
    ] = 0.0
    born: Annotated[
        float | None,
        msgspec.Meta(
            description="When the process behind the source began, in the polls' own seconds"
            " (negative: before the release); null: not known."
        ),
    ] = None


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Cumulative counters of one client, as those of a `Sample`."""

    requests: _Count
    errors: _Count = 0.0


class Poll(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """All sources at one time; a source that was not scraped is null."""

    t: _Seconds
    weights: Annotated[
        dict[str, _Share],
        msgspec.Meta(description="Percent of traffic by version, in force since the poll before."),
    ]
    sources: Annotated[
        dict[str, dict[str, Sample | None]],
        msgspec.Meta(description="Counters by version and source."),
    ]
    clients: Annotated[
        dict[str, Asked],
        msgspec.Meta(
            description="What each client asked of the candidate, over all sources; absent where"
            " nobody tells."
        ),
    ] = {}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "Poll":
        """The poll in a decoded JSON object.

        Raises:
            InputError: a key is missing, unknown or of the wrong type.
        """
        try:
            return msgspec.convert(body, cls)
        except (msgspec.ValidationError, OverflowError) as error:
            raise InputError(f"no poll: {error}") from error

    @classmethod
    def parse(cls, line: bytes) -> "Poll":
        """The poll in a line of JSON.

        Raises:
            InputError: it is larger than 4 MiB, not JSON (NaN is not), or not a poll.
        """
        if len(line) > MAX_POLL_BYTES:
            raise InputError(f"a poll is at most {MAX_POLL_BYTES} bytes long")
        try:
            return _decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, OverflowError, RecursionError) as error:
            raise InputError(f"no poll: {error}") from error

    def to_json(self) -> dict[str, Any]:
        """The poll as a JSON object."""
        body: dict[str, Any] = msgspec.to_builtins(self)
        return body


_decoder = msgspec.json.Decoder(Poll)
