"""What one controller is made of."""

from dataclasses import dataclass, field
from pathlib import Path

from cluster.embedded.archive import Image
from cluster.embedded.families import Family
from cluster.embedded.kubectl import Object, load

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Part:
    """One controller, ready to be installed."""

    name: str
    images: tuple[Image, ...] = ()
    """Of static programs; they are imported before anything is applied."""
    definitions: list[Object] = field(default_factory=list)
    """Custom resources, established before any part's objects are applied."""
    objects: list[Object] = field(default_factory=list)
    late: list[Object] = field(default_factory=list)
    """Applied when the deployments are available: their webhooks check them."""
    deployments: tuple[str, ...] = ()
    """``namespace/name`` of each that has to be available."""
    namespace: str = "default"
    """Of the objects that name none."""


def image_name(family: Family) -> str:
    """The image of a family's program: another build has another name, so pods get it."""
    return f"localhost/{family.name}:{family.key}"


def own(name: str) -> list[Object]:
    """The objects of a manifest of ours."""
    return load((HERE / name).read_text(encoding="utf-8"))


def container(deployment: Object) -> Object:
    """The first container of a deployment, to be changed in place."""
    first: Object = deployment["spec"]["template"]["spec"]["containers"][0]
    return first


def one(objects: list[Object], kind: str, name: str) -> Object:
    """The object of that kind and name, to be changed in place."""
    return next(
        each for each in objects if each["kind"] == kind and each["metadata"]["name"] == name
    )
