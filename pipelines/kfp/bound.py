"""A compiled package for one team of one cluster, as overlays are for Argo's templates."""

import yaml

NAMESPACE = "SLUICE_NAMESPACE"


def bound(package: str, image: str, team: str) -> str:
    """The package with whose image its steps are, and whose endpoints they act on.

    Args:
        package: the compiled form.
        image: of the steps, with its digest.
        team: the team's namespace, which need not be that of the pods.
    """
    spec, *platforms = yaml.safe_load_all(package)
    for executor in spec["deploymentSpec"]["executors"].values():
        executor["container"]["image"] = image
        executor["container"]["env"].append({"name": NAMESPACE, "value": team})
    return yaml.safe_dump_all([spec, *platforms], sort_keys=False)
