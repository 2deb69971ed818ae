"""`python -m cluster.relay`: take MLflow's deliveries until SIGTERM."""

import asyncio
import logging
import os
import sys
from dataclasses import dataclass, field

import uvicorn

from cluster.access import find_access
from cluster.api import Api
from cluster.connect import platform
from cluster.relay import webhook
from cluster.relay.deliveries import Deliveries
from cluster.relay.hints import Bus, Hints
from cluster.relay.server import app
from cluster.settings import Settings, read
from cluster.teams import teams
from components.errors import InputError, SluiceError
from components.platform import Platform

SECRET, TOKEN = "SLUICE_WEBHOOK_SECRET", "SLUICE_EVENTS_TOKEN"
OWN_URL, EVENTS_URL = "SLUICE_RELAY_URL", "SLUICE_EVENTS_URL"
_PORT = 8080
_AGAIN_S = 5.0
_KEPT_S = 600.0
"""How often the webhook is looked after: a registry may be set back to an earlier state."""

log = logging.getLogger("sluice.relay")


@dataclass
class Teams:
    """The platform of each team that there is, by its name; connected once."""

    api: Api
    settings: Settings
    known: dict[str, Platform] = field(default_factory=dict)

    def __call__(self) -> dict[str, Platform]:
        """Those that there are now.

        Raises:
            Unreachable: the API server does not answer.
        """
        names = teams(self.api)
        for name in names:
            if name not in self.known:
                self.known[name] = platform(self.api, name, self.settings)
        return {name: self.known[name] for name in names}


async def _keep(settings: Settings, url: str, secret: str) -> None:
    """See to it that MLflow has the webhook, for ever."""
    while True:
        try:
            await asyncio.to_thread(webhook.register, settings.registry, url, secret)
            pause = _KEPT_S
        except SluiceError as error:
            log.warning("the webhook is not registered yet: %s", error)
            pause = _AGAIN_S
        await asyncio.sleep(pause)


async def _serve(api: Api) -> None:
    settings = read(api)
    secret = _named(SECRET)
    hints = Hints(Teams(api, settings), Bus(_named(EVENTS_URL), _named(TOKEN)).tell)
    served = app(Deliveries(secret), hints.follow)
    config = uvicorn.Config(served, host="0.0.0.0", port=_PORT, access_log=False)  # noqa: S104
    keeper = asyncio.create_task(_keep(settings, _named(OWN_URL), secret))
    await uvicorn.Server(config).serve()
    keeper.cancel()


def _named(variable: str) -> str:
    if found := os.environ.get(variable):
        return found
    raise InputError(f"{variable} is not set: manifests/base says how the relay is started")


def main() -> int:
    """Serve; the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it tells of each request
    try:
        asyncio.run(_serve(Api(find_access())))
    except SluiceError as error:
        sys.stderr.write(f"sluice relay: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
