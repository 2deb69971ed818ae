"""The manifests that upstream modules ship, rendered once and kept beside the built programs."""

import hashlib
import json
from collections.abc import Callable

from cluster.embedded import build
from cluster.embedded.families import Family
from cluster.embedded.home import cache
from cluster.embedded.kubectl import Kubectl, Object, load
from components.disk import replace


def kept(family: Family, given: str, make: Callable[[], list[Object]]) -> list[Object]:
    """What ``make`` renders of the family's module: seconds, so it is done once.

    Args:
        family: whose module it is of.
        given: what it is rendered with: other values, another file, another folder.
        make: renders it.
    """
    key = hashlib.sha256(f"{family.key} {given}".encode()).hexdigest()[:16]
    path = cache() / f"{family.name}-{key}.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        replace(path, json.dumps(make()))
    found: list[Object] = json.loads(path.read_text(encoding="utf-8"))
    return found


def kustomized(family: Family, folder: str, kubectl: Kubectl) -> list[Object]:
    """The objects of the kustomization in the module's ``folder``."""
    return kept(
        family,
        folder,
        lambda: load(kubectl.run("kustomize", str(build.upstream(family) / folder))),
    )


def files(family: Family, pattern: str) -> list[Object]:
    """The objects in those of the module's files that match ``pattern``."""

    def make() -> list[Object]:
        found = sorted(build.upstream(family).glob(pattern))
        return [each for path in found for each in load(path.read_text(encoding="utf-8"))]

    return kept(family, pattern, make)
