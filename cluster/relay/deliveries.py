"""Deliveries of MLflow's webhooks: who sent them, when, and whether for the first time.

The scheme is that of `mlflow.webhooks.delivery` (3.17): HMAC-SHA256 over number, time and body.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

NUMBER, TIME, SIGNATURE = "x-mlflow-delivery-id", "x-mlflow-timestamp", "x-mlflow-signature"
WINDOW_S = 300
"""How old a delivery may be, and how far ahead a clock."""
MOST_BYTES = 16 * 1024
"""Of a body: MLflow's own have some 200."""
MOST_KNOWN = 10_000
"""Numbers that are remembered within the window; then the oldest goes."""


class Refused(Exception):
    """A delivery that is not taken.

    Args:
        status: what MLflow is answered.
        said: why, in one line for the log.
    """

    def __init__(self, status: int, said: str) -> None:
        super().__init__(said)
        self.status = status


@dataclass(frozen=True)
class Candidate:
    """What a delivery claims: this version of the model has the alias `candidate` now."""

    model: str
    version: str


class _Data(msgspec.Struct):
    name: str = ""
    alias: str = ""
    version: str = ""


class _Payload(msgspec.Struct):
    entity: str
    action: str
    data: _Data


class Deliveries:
    """Checks deliveries against one secret, and remembers those that were dealt with.

    The memory is this process's: who sends a delivery of before its start again, within the
    window, gives a hint twice, and a hint begins no release that is not wanted.
    """

    def __init__(self, secret: str) -> None:
        if not secret:
            raise ValueError("a secret has characters")
        self._secret = secret.encode()
        self._known: dict[str, float] = {}

    def check(self, headers: Mapping[str, str], body: bytes, now: float) -> str:
        """The delivery's number.

        Raises:
            Refused: it is not MLflow's, too old, or was dealt with.
        """
        number, stamp = headers.get(NUMBER, ""), headers.get(TIME, "")
        if not self._signed(f"{number}.{stamp}.".encode() + body, headers.get(SIGNATURE, "")):
            raise Refused(401, "the signature is not MLflow's")
        # What is signed has been written by MLflow: from here on its form may be relied upon.
        if not number or not stamp.isdecimal() or abs(now - int(stamp)) > WINDOW_S:
            raise Refused(401, "the delivery is too old, or a clock is wrong")
        if number in self._known:
            raise Refused(409, "the delivery was dealt with")
        return number

    def _signed(self, content: bytes, signature: str) -> bool:
        made = hmac.new(self._secret, content, hashlib.sha256).digest()
        expected = b"v1," + base64.b64encode(made)
        return hmac.compare_digest(signature.encode("utf-8", "replace"), expected)

    def dealt_with(self, number: str, now: float) -> None:
        """Take this delivery no more."""
        self._known[number] = now
        while self._known and (
            len(self._known) > MOST_KNOWN or next(iter(self._known.values())) < now - 2 * WINDOW_S
        ):
            del self._known[next(iter(self._known))]


def candidate(body: bytes) -> Candidate | None:
    """What the delivery claims of an alias `candidate`; None if it is of something else.

    Raises:
        Refused: it is no delivery's form.
    """
    try:
        found = msgspec.json.decode(body, type=_Payload)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Refused(400, f"the body is no delivery's: {error}") from error
    said = found.data
    if (found.entity, found.action, said.alias) != ("model_version_alias", "created", "candidate"):
        return None
    return Candidate(said.name, said.version)
