"""A team's namespace of a Kubernetes as a `components.platform.Platform`.

The cluster and the account are those of kubectl (`cluster.access`); the namespace is that of the
context or of the pod, unless ``$SLUICE_NAMESPACE`` names another one.
"""

import os
import time
from collections.abc import Callable
from functools import partial

from cluster import team
from cluster.access import Access, find_access
from cluster.access.forward import Forwards
from cluster.api import Api
from cluster.decisions import KubernetesDecisions
from cluster.endpoints import ConfiguredEndpoints
from cluster.events import Told
from cluster.leases import KubernetesLeases
from cluster.metrics import metrics
from cluster.proxies import Proxies
from cluster.scaling import KedaScaling
from cluster.serving import KServing, arms, ways
from cluster.settings import Settings, read
from cluster.stores import Stores
from cluster.traffic import RoutedTraffic
from components.gateway import PLATFORM_CLIENT
from components.notify import Alertmanager
from components.platform import Moment, Platform, SystemClock
from components.platform.objects import ObjectFiles, ObjectMoments, ObjectRecords
from components.platform.spans import ObjectSpans
from components.registry import Registry

NAMESPACE = "SLUICE_NAMESPACE"
_LEASE_S = 15.0
"""How long an answer about a lease is waited for: three tries are within the shortest lease that
Argo takes (`cluster.workflows.SHORTEST_LEASE_S`), and a server that needs 10 s for each call is no
reason to lose one."""


def connect() -> Platform:
    """The platform of the namespace in use.

    Raises:
        InputError: no cluster is known, or it has no Sluice.
        Unreachable: the API server does not answer.
    """
    access = find_access()
    api = Api(access)
    settings = reached(read(api), Forwards(api))
    return platform(api, namespace_of(access), settings)


def namespace_of(access: Access) -> str:
    """The team's namespace that is meant."""
    return os.environ.get(NAMESPACE) or access.namespace


def reached(settings: Settings, ways: Forwards) -> Settings:
    """The settings with each server's address as this process reaches it."""
    store, gateway = settings.store, settings.gateway
    return settings.model_copy(
        update={
            "store": store.model_copy(update={"endpoint": ways.url(store.endpoint)}),
            "gateway": gateway.model_copy(update={"url": ways.url(gateway.url)}),
            "prometheus": ways.url(settings.prometheus),
            "registry": ways.url(settings.registry),
            "alertmanager": ways.url(settings.alertmanager),
        }
    )


def platform(api: Api, namespace: str, settings: Settings) -> Platform:
    """The platform of one namespace of an installation. Nothing is asked of any server yet."""
    clock = SystemClock()
    stores = Stores(settings.store, api, namespace)
    store = stores.open(stores.bucket)
    own = stores.open(stores.bucket, f"teams/{namespace}")
    gateway = team.keys(api, namespace, settings.gateway.url)
    of_leases = api.apart(_LEASE_S)
    traffic = RoutedTraffic(
        api,
        namespace,
        settings.gateway,
        Proxies(api, settings.gateway, partial(gateway.key, PLATFORM_CLIENT)),
        served=partial(arms, api, namespace),
        lease=KubernetesLeases(api, namespace).read,
        waking=partial(ways, api, namespace),
    )
    scaling = KedaScaling(api, namespace, settings.autoscaling, clock)
    log = ObjectSpans(own)
    told = Told(api, namespace, _messenger(settings.alertmanager))
    return Platform(
        serving=KServing(api, namespace, settings.predictor, traffic, scaling, log, clock),
        scaling=scaling,
        traffic=traffic,
        metrics=metrics(settings.prometheus, namespace),
        leases=KubernetesLeases(of_leases, namespace, traffic.mark),
        decisions=KubernetesDecisions(api, namespace),
        records=ObjectRecords(store),
        files=ObjectFiles(store, settings.store.uri, stores.open),
        endpoints=ConfiguredEndpoints(api, namespace),
        gateway=gateway,
        registry=Registry(settings.registry),
        moments=ObjectMoments(own, told, told.show),
        clock=clock,
        place=namespace,
    )


def _messenger(url: str) -> Callable[[Moment], None]:
    """Who else tells people; nobody where no Alertmanager is named."""

    def tell(moment: Moment) -> None:
        if url:
            Alertmanager(url).post(moment, time.time())

    return tell
