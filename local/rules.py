"""The rules of endpoints that this machine's Prometheus loads: one file an endpoint.

A fault in one endpoint's file leaves the others' rules alone, and those that it had before.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from components.disk import replace
from components.endpoint import Endpoint
from components.errors import InputError, PlatformError
from components.platform.contract import Endpoints
from components.platform.objects import ObjectEndpoints
from dashboards import rules
from local.home import Home
from local.servers import supervision


def write(home: Home, endpoint: Endpoint) -> bool:
    """Write the endpoint's rules; True if they are others than before.

    Raises:
        InputError: it promises what nobody counts.
    """
    path = home.rules / rules.file_name(endpoint.name)
    text = rules.of_endpoint(endpoint)
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    replace(path, text)
    return True


def write_all(home: Home, endpoints: Endpoints, say: Callable[[str], None]) -> None:
    """Write the rules of every endpoint that is known, and let Prometheus load them."""
    names = endpoints.names()
    for left in {path.name for path in home.rules.iterdir()} - set(map(rules.file_name, names)):
        (home.rules / left).unlink()
    for name in names:
        try:
            write(home, endpoints.load(name))
        except InputError as error:
            say(f"the rules of {name} stay as they were: {error}")
    load(home)


def load(home: Home) -> None:
    """Let Prometheus read its rules again; one that does not run does so when it starts."""
    with suppress(PlatformError):
        supervision.signal(home, "prometheus", "HUP")


@dataclass(frozen=True)
class RuledEndpoints(ObjectEndpoints):
    """Endpoints whose rules Prometheus has as soon as they are applied."""

    home: Home

    def apply(self, text: str, source: str) -> Endpoint:
        """Check the file ``text`` and make it the endpoint's."""
        found = super().apply(text, source)
        if write(self.home, found):
            load(self.home)
        return found
