"""The laptop as a `components.platform.Platform`."""

import os

from components.errors import PlatformError
from components.platform import Platform
from local import envoy, mlflow, ports, seaweed, supervisor
from local.home import Home, find_home
from local.leases import FileLeases
from local.metrics import PrometheusMetrics
from local.prometheus import url as prometheus_url
from local.serving import LocalServing
from local.traffic import EnvoyTraffic


def connect() -> Platform:
    """The platform of ``$SLUICE_HOME``.

    Raises:
        PlatformError: it is not up.
    """
    home = find_home()
    kept = ports.kept(home)
    if not kept or not supervisor.running(home):
        raise PlatformError(f"no platform is up in {home.path}: run 'sluice up'")
    # The steps' own libraries (boto3 for data sets) find the platform's servers by these.
    os.environ.update(environment(home))
    return Platform(
        name="local",
        serving=LocalServing(home),
        traffic=EnvoyTraffic(home),
        metrics=PrometheusMetrics(prometheus_url(kept)),
        leases=FileLeases(home),
        registry_url=mlflow.url(kept),
        home=home.path,
    )


def environment(home: Home) -> dict[str, str]:
    """What a process needs so that MLflow's and any AWS client find this platform; no secret."""
    kept = ports.kept(home)
    return {
        "SLUICE_HOME": str(home.path),
        "SLUICE_GATEWAY": envoy.url(kept),
        "MLFLOW_TRACKING_URI": mlflow.url(kept),
    } | seaweed.environment(home, kept["s3"])
