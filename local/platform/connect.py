"""The laptop as a `components.platform.Platform`."""

from components.errors import PlatformError
from components.platform import Platform, SystemClock
from components.platform.objects import ObjectEndpoints, ObjectFiles, ObjectRecords
from components.registry import Registry
from local import envoy, mlflow, ports, prometheus, seaweed, supervisor
from local.home import Home, find_home
from local.http import local_transport
from local.keys import LocalGateway
from local.leases import FileLeases
from local.metrics import PrometheusMetrics
from local.serving import LocalServing
from local.traffic import EnvoyTraffic


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
    return Platform(
        serving=LocalServing(home, files),
        traffic=EnvoyTraffic(home),
        metrics=PrometheusMetrics(prometheus.url(kept)),
        leases=FileLeases(home),
        records=ObjectRecords(store),
        files=files,
        endpoints=ObjectEndpoints(store),
        gateway=LocalGateway(home),
        registry=Registry(mlflow.url(kept), transport=local_transport()),
        clock=SystemClock(),
    )


def _is_up(home: Home) -> bool:
    """A gateway that has lost its supervisor still serves, and can be given another split."""
    return supervisor.running(home) or envoy.answers(home)


def environment(home: Home) -> dict[str, str]:
    """What a process needs so that MLflow's and any AWS client find this platform; no secret."""
    kept = ports.kept(home)
    return {
        "SLUICE_HOME": str(home.path),
        "SLUICE_GATEWAY": envoy.url(kept),
        "MLFLOW_TRACKING_URI": mlflow.url(kept),
    } | seaweed.environment(home, kept["s3"])
