"""Who is told: a file of the user's, checked strictly.

Secrets are never in it, only the paths of files that hold them.
"""

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from components import yaml_text
from components.errors import InputError
from components.files import read_limited
from components.models import Strict

MAX_FILE_BYTES = 64 * 1024

_URL = re.compile(r"https?://[^/?#\s@]+([/?][^\s#]*)?")
_HOST = re.compile(r"[A-Za-z0-9.-]+:[0-9]{1,5}")
_ADDRESS = re.compile(r"[^\s@,<>]+@[^\s@,<>]+")
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


def _like(pattern: re.Pattern[str], says: str) -> AfterValidator:
    def checked(value: str) -> str:
        if not pattern.fullmatch(value):
            # What was written is not repeated: it may have a password in it.
            raise ValueError(f"write {says}")
        return value

    return AfterValidator(checked)


def _secret(value: str) -> str:
    path = Path(value)
    if not path.is_absolute():
        raise ValueError(f"{value!r}: write the whole path of the file, from /")
    try:
        found = path.is_file()
    except OSError as error:
        raise ValueError(f"{value}: {error.strerror}") from error
    if not found:
        raise ValueError(f"there is no file {value}")
    return value


Url = Annotated[str, _like(_URL, "an address like https://host/path, without a password in it")]
SecretFile = Annotated[str, AfterValidator(_secret)]
"""The whole path of a file that holds a secret, and nothing else."""
Address = Annotated[str, _like(_ADDRESS, "an e-mail address")]
TimeOfDay = Annotated[str, _like(_TIME, "a time of day like 07:30, in quotes")]


class Webhook(Strict):
    """A server that takes Alertmanager's own JSON."""

    url: Url
    token_file: SecretFile | None = None
    """Sent as a bearer token."""


class Slack(Strict):
    """Slack's incoming webhook, or one like it (Mattermost, Rocket.Chat, Teams by a bridge)."""

    url_file: SecretFile
    """The webhook's address is its secret."""
    channel: str | None = None


class Email(Strict):
    """A mailbox."""

    to: Address
    sender: Address = Field(alias="from")
    smarthost: Annotated[str, _like(_HOST, "a server like smtp.example.com:587")]
    username: str | None = None
    password_file: SecretFile | None = None
    tls: bool = True
    """Refuse to send over a connection that is not encrypted."""

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.username is None) != (self.password_file is None):
            raise ValueError("username and password_file go together")
        return self


class Receiver(Strict):
    """One place where messages go."""

    webhook: Webhook | None = None
    slack: Slack | None = None
    email: Email | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if [self.webhook, self.slack, self.email].count(None) != 2:
            raise ValueError("write one of webhook, slack and email; a list may have several")
        return self


class Quiet(Strict):
    """Hours, in UTC, in which tickets wait; pages never do."""

    begin: TimeOfDay = Field(alias="from")
    end: TimeOfDay = Field(alias="to")

    @model_validator(mode="after")
    def _not_all_day(self) -> Self:
        if self.begin == self.end:
            raise ValueError("from and to are the same: tickets would wait for ever")
        return self


class Receivers(Strict):
    """Who gets what, by severity."""

    page: tuple[Receiver, ...] = ()
    ticket: tuple[Receiver, ...] = ()
    event: tuple[Receiver, ...] = ()
    quiet: Quiet | None = None

    def of(self, severity: Literal["page", "ticket", "event"]) -> tuple[Receiver, ...]:
        """Who gets what has this severity."""
        found: tuple[Receiver, ...] = getattr(self, severity)
        return found


def parse(text: str, source: str) -> Receivers:
    """The receivers in ``text``; ``source`` names it in errors.

    Raises:
        InputError: one line a fault, each with the line, the key and what was expected.
    """
    form = "a file of receivers is a mapping of page, ticket and event"
    return yaml_text.read(Receivers, text, source, form)


def load(path: Path) -> tuple[Receivers, str]:
    """The receivers in the file ``path``, and its text.

    Raises:
        InputError: the file is missing, too large or wrong; see `parse`.
    """
    content = read_limited(path, MAX_FILE_BYTES, too_large="no file of receivers is")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text") from error
    return parse(text, str(path)), text
