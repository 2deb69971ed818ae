"""What an installation takes, as a table: of rendered manifests at the standard input.

``kubectl kustomize manifests/overlays/production | python -m cluster.sizes``
"""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import attrgetter

from cluster.kinds import Object
from components.printing import say
from components.quantity import amount

_WORKLOADS = ("Deployment", "StatefulSet")
_PROXY = "EnvoyProxy"


@dataclass(frozen=True)
class Size:
    """One server with all of its pods; numbers of one pod."""

    name: str
    pods: int
    cpu: float
    """Cores that are asked for."""
    memory: float
    """Bytes that are asked for."""
    most: float
    """Bytes that it may take; 0: no limit."""
    disk: float
    """Bytes of its volumes."""


def sizes(objects: Iterable[Object]) -> list[Size]:
    """What each server takes, by name; predictors and steps come with endpoints and releases."""
    return sorted(_sizes(objects), key=lambda each: each.name)


def _sizes(objects: Iterable[Object]) -> Iterator[Size]:
    for each in objects:
        if each["kind"] in _WORKLOADS:
            yield _workload(each)
        elif each["kind"] == _PROXY:
            envoy = each["spec"]["provider"]["kubernetes"]["envoyDeployment"]
            resources = envoy.get("container", {}).get("resources", {})
            yield _size("Envoy", envoy["replicas"], [resources], 0)


def _workload(found: Object) -> Size:
    spec = found["spec"]
    disk = sum(
        amount(each["spec"]["resources"]["requests"]["storage"])
        for each in spec.get("volumeClaimTemplates") or []
    )
    resources = [each["resources"] for each in spec["template"]["spec"]["containers"]]
    return _size(found["metadata"]["name"], spec.get("replicas", 1), resources, float(disk))


def _size(name: str, pods: int, resources: Iterable[Object], disk: float) -> Size:
    asked = [each.get("requests", {}) for each in resources]
    most = [each.get("limits", {}).get("memory", "0") for each in resources]
    return Size(
        name,
        pods,
        float(sum(amount(each.get("cpu", "0")) for each in asked)),
        float(sum(amount(each.get("memory", "0")) for each in asked)),
        float(sum(map(amount, most))),
        disk,
    )


def table(found: Iterable[Size]) -> str:
    """In Markdown, with a line for all together."""
    listed = list(found)
    together = Size(
        "all pods",
        sum(each.pods for each in listed),
        *(
            sum(each.pods * number(each) for each in listed)
            for number in map(attrgetter, ("cpu", "memory", "most", "disk"))
        ),
    )
    head = ["| server | pods | CPU | memory | at most | disk |", "|---|---|---|---|---|---|"]
    return "\n".join([*head, *map(_line, [*listed, together])])


def _line(size: Size) -> str:
    held = " | ".join(map(_mebibytes, (size.memory, size.most, size.disk)))
    return f"| {size.name} | {size.pods} | {size.cpu:g} | {held} |"


def _mebibytes(count: float) -> str:
    if count >= 2**30:
        return f"{count / 2**30:.3g} GiB"
    return f"{count / 2**20:.0f} MiB" if count else "-"


def main() -> None:
    """Print the table."""
    import yaml

    objects = [each for each in yaml.load_all(sys.stdin, Loader=yaml.CSafeLoader) if each]
    say(table(sizes(objects)))


if __name__ == "__main__":
    main()
