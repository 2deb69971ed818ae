"""What the headers of a request say about its body, and the body that they describe.

RFC 9110: section 8.3 (content type), 8.4 (content coding), 15.5.16 (415 and what it names).
"""

import re
import zlib
from collections.abc import Callable, Mapping
from enum import Enum

from components.errors import InputError
from components.predictor.http.errors import Unsupported
from components.predictor.scheduling.refusals import TooLarge

JSON_LENGTH = "inference-header-content-length"
"""How many bytes of a body are JSON; binary tensors follow."""

_JSON = re.compile(r"(application|text)/([a-z0-9!#$&^_.+-]+\+)?json")
_STRUCTURED_EVENT = "application/cloudevents+json"
_BINARY = "application/octet-stream"
_MAX_CODINGS = 4
_MAX_MEMBERS = 64
"""Of one gzip file; more are no client's, and each costs time."""


class Kind(Enum):
    """The forms of a request's body."""

    JSON = "json"
    BINARY = "binary"
    """JSON with binary tensors behind it."""
    EVENT = "event"
    """A CloudEvent in JSON."""


def kind_of(headers: Mapping[str, str]) -> Kind:
    """The form that ``headers`` (by their names in lower case) announce.

    A body without a content type is taken for JSON.

    Raises:
        Unsupported: another content type.
    """
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if JSON_LENGTH in headers and (content_type in ("", _BINARY) or _JSON.fullmatch(content_type)):
        return Kind.BINARY
    if content_type == _STRUCTURED_EVENT:
        return Kind.EVENT
    if not content_type or _JSON.fullmatch(content_type):
        return Kind.JSON
    if content_type == _BINARY:
        raise Unsupported(
            f"the body is {_BINARY} without the header {JSON_LENGTH}: say how many of its bytes are"
            " JSON, or send JSON with 'content-type: application/json'",
            {"accept": "application/json"},
        )
    raise Unsupported(
        f"the body is {content_type[:100]}: send JSON with 'content-type: application/json'",
        {"accept": "application/json"},
    )


def json_length(headers: Mapping[str, str], body: bytes) -> int:
    """How many bytes of ``body`` are JSON.

    Raises:
        InputError: the header is no number of bytes that the body has.
    """
    text = headers[JSON_LENGTH]
    length = int(text) if re.fullmatch("[0-9]{1,12}", text) else -1
    if not 0 <= length <= len(body):
        raise InputError(
            f"{JSON_LENGTH} is {text[:40]!r}: the body has {len(body)} bytes, of which so many are"
            " JSON"
        )
    return length


def decoded(body: bytes, codings: str, limit: int) -> bytes:
    """``body`` without the ``codings`` of its header `content-encoding`.

    Args:
        body: as it was sent.
        codings: the header's value, in the order in which they were applied.
        limit: bytes that the result may have.

    Raises:
        Unsupported: a coding other than gzip, deflate and identity.
        InputError: the body is not what the header says.
        TooLarge: it has more bytes than ``limit``.
    """
    names = [name.strip().lower() for name in codings.split(",") if name.strip()]
    unknown = [name for name in names if name != "identity" and name not in _CODINGS]
    if unknown or len(names) > _MAX_CODINGS:
        raise Unsupported(
            f"content-encoding {codings[:60]!r} is not decoded: send gzip, deflate or identity",
            {"accept-encoding": "gzip, deflate, identity"},
        )
    for name in reversed(names):
        if name != "identity":
            try:
                body = _CODINGS[name](body, limit)
            except zlib.error as error:
                raise InputError(f"the body is not {name}, as content-encoding says") from error
    return body


def _inflate(body: bytes, wbits: int, limit: int, before: int = 0) -> tuple[bytes, bytes]:
    """One compressed stream, and what follows it; ``before`` bytes of the limit are used."""
    stream = zlib.decompressobj(wbits)
    content = stream.decompress(body, limit - before + 1)
    if len(content) > limit - before:
        raise TooLarge(f"the decoded body is larger than {limit} bytes: send fewer rows")
    if not stream.eof:
        raise InputError("the compressed body is cut off")
    return content, stream.unused_data


def _gunzip(body: bytes, limit: int) -> bytes:
    """Every member of a gzip file (RFC 1952, section 2.2)."""
    parts: list[bytes] = []
    size = 0
    while body:
        if len(parts) == _MAX_MEMBERS:
            raise InputError(f"the gzip body has more than {_MAX_MEMBERS} members")
        content, body = _inflate(body, 16 + zlib.MAX_WBITS, limit, size)
        parts.append(content)
        size += len(content)
    if not parts:
        raise InputError("the gzip body is empty")
    return b"".join(parts)


def _undeflate(body: bytes, limit: int) -> bytes:
    """A zlib stream, or the bare deflate stream that some clients send for it."""
    try:
        content, rest = _inflate(body, zlib.MAX_WBITS, limit)
    except zlib.error:
        content, rest = _inflate(body, -zlib.MAX_WBITS, limit)
    if rest:
        raise InputError(f"{len(rest)} bytes follow the deflate body")
    return content


_CODINGS: Mapping[str, Callable[[bytes, int], bytes]] = {
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "deflate": _undeflate,
}
