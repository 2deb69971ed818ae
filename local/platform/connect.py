"""The laptop as a `components.platform.Platform`."""

import time
from collections.abc import Callable

from components.errors import PlatformError
from components.notify import Alertmanager
from components.platform import FixedScaling, Platform, SystemClock
from components.platform.moments import Moment
from components.platform.objects import ObjectFiles, ObjectMoments, ObjectRecords
from components.platform.spans import ObjectSpans
from components.registry import Registry
from local.gateway import admin
from local.home import Home, find_home
from local.loopback import local_transport
from local.platform.decisions import FileDecisions
from local.platform.gateway import LocalGateway
from local.platform.leases import FileLeases
from local.platform.metrics import metrics
from local.platform.provisioned import Provisioned
from local.platform.serving import LocalServing
from local.platform.traffic import EnvoyTraffic
from local.rules import RuledEndpoints
from local.servers import (
    alertmanager_server,
    mlflow_server,
    ports,
    prometheus_server,
    seaweed,
    supervision,
)


def connect() -> Platform:
    """The platform of ``$SLUICE_HOME``. Nothing is asked of any server yet.

    Raises:
        PlatformError: it is not up.
    """
    home = find_home()
    kept = ports.kept(home)
    if not kept or not _is_up(home):
        raise PlatformError(f"no platform is up in {home.path}: run 'sluice up'")
    store = seaweed.store(home, kept["s3"], seaweed.BUCKET)
    files = ObjectFiles(
        store,
        f"s3://{seaweed.BUCKET}",
        buckets=lambda bucket: seaweed.store(home, kept["s3"], bucket),
    )
    serving = LocalServing(home, files, Provisioned(home, ObjectSpans(store)))
    return Platform(
        serving=serving,
        scaling=FixedScaling(serving.running),
        traffic=EnvoyTraffic(home),
        metrics=metrics(prometheus_server.url(kept)),
        leases=FileLeases(home),
        decisions=FileDecisions(home),
        records=ObjectRecords(store),
        files=files,
        endpoints=RuledEndpoints(store, home),
        gateway=LocalGateway(home),
        registry=Registry(mlflow_server.url(kept), transport=local_transport()),
        moments=ObjectMoments(store, _messenger(kept)),
        clock=SystemClock(),
    )


def _messenger(kept: dict[str, int]) -> Callable[[Moment], None]:
    """Who tells people; where there is no Alertmanager, nobody."""
    server = Alertmanager(alertmanager_server.url(kept), local_transport())

    def tell(moment: Moment) -> None:
        if alertmanager_server.installed():
            server.post(moment, time.time())

    return tell


def _is_up(home: Home) -> bool:
    """A gateway that has lost its supervisor still serves, and can be given another split."""
    return supervision.running(home) or admin.answers(home)
