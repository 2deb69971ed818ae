"""What a person asks for, in the namespace in use."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from cluster import connect, team
from cluster.access import find_access
from cluster.access.forward import Forwards
from cluster.adoption.performing import Adoption, Wanted
from cluster.api import Api
from cluster.proxies import Proxies
from cluster.settings import read
from components import endpoint as endpoints
from components import plugins
from components.gateway import PLATFORM_CLIENT
from components.registry import Registry


@contextmanager
def adoption(
    named: str, predictor: str, version: str, route: str = "", *, keys_are_sent: bool = False
) -> Iterator[Adoption]:
    """An adoption by the account in use.

    Args:
        named: the endpoint: a name below ``endpoints/``, or its file.
        predictor: the InferenceService.
        version: that it serves.
        route: that leads to it; empty: whichever does.
        keys_are_sent: every user sends a key.

    Raises:
        InputError: the endpoint's file is missing or wrong, or no release of it could run here.
    """
    found = endpoints.find(named)
    endpoints.refuse_undecidable(found)
    plugins.refuse_unreleasable(found)
    path = Path(named) if named.endswith((".yaml", ".yml")) else Path("endpoints", f"{named}.yaml")
    text = path.read_text(encoding="utf-8")
    wanted = Wanted(found, text, str(path), version, predictor, route, keys_are_sent)
    access = find_access()
    with closing(Api(access)) as api:
        namespace = connect.namespace_of(access)
        settings = connect.reached(read(api), Forwards(api))
        key = partial(team.keys(api, namespace, "").key, PLATFORM_CLIENT)
        proxies = Proxies(api, settings.gateway, key)
        with closing(Registry(settings.registry)) as registry:
            platform = replace(connect.platform(api, namespace, settings), registry=registry)
            yield Adoption(api, namespace, platform, settings.gateway, proxies, wanted)
