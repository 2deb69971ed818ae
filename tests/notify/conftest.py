"""An Alertmanager with a server for its messages."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.messages import Inbox, Messenger, inbox


@pytest.fixture
def mail() -> Iterator[Inbox]:
    with inbox() as server:
        yield server


@pytest.fixture
def alertmanager(mail: Inbox, tmp_path: Path) -> Iterator[Messenger]:
    """Each severity goes to a path of its own; pages with a token."""
    token = tmp_path / "token"
    token.write_text("let-me-in")
    receivers = f"""\
page: [{{webhook: {{url: "{mail.url}/page", token_file: {token}}}}}]
ticket: [{{webhook: {{url: "{mail.url}/ticket"}}}}]
event: [{{webhook: {{url: "{mail.url}/event"}}}}]
"""
    found = Messenger(tmp_path, receivers)
    found.start()
    yield found
    found.kill()
