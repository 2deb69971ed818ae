"""What one controller is made of."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cluster.embedded.archive import Image
from cluster.embedded.families import Family
from cluster.embedded.kubectl import Kubectl, Object, load

DEFINITION = "CustomResourceDefinition"

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Materials:
    """What parts are made from."""

    folders: Mapping[str, Path]
    """Of each family's built programs."""
    kubectl: Kubectl
    pki: Path
    """Of the certificates of this life of the node."""

    def program(self, family: Family, name: str) -> Path:
        """A built program."""
        return self.folders[family.name] / name

    def secret(self, holder: str) -> dict[str, str]:
        """The data of a TLS secret for a holder of `cluster.embedded.pki`."""
        files = {"ca.crt": "ca.crt", "tls.crt": f"{holder}.crt", "tls.key": f"{holder}.key"}
        return {key: self._base64(name) for key, name in files.items()}

    def authority(self) -> str:
        """What webhooks' configurations have to trust."""
        return self._base64("ca.crt")

    def password(self, holder: str) -> str:
        """A password of `cluster.embedded.pki`."""
        return (self.pki / f"{holder}.password").read_text(encoding="utf-8")

    def _base64(self, name: str) -> str:
        return base64.b64encode((self.pki / name).read_bytes()).decode()


@dataclass(frozen=True)
class Settled:
    """What has to have a condition before a part is there."""

    namespace: str
    what: str
    """``kind/name``."""
    condition: str


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
    settled: tuple[Settled, ...] = ()
    """What is waited for last of all."""


def image_name(family: Family) -> str:
    """The image of a family's program: another build has another name, so pods get it."""
    return f"localhost/{family.name}:{family.key}"


def own(name: str) -> list[Object]:
    """The objects of a manifest of ours."""
    return load((HERE / name).read_text(encoding="utf-8"))


def namespace(name: str) -> Object:
    """A namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def split(objects: list[Object]) -> tuple[list[Object], list[Object]]:
    """Custom resources' definitions, and all else."""
    definitions = [each for each in objects if each["kind"] == DEFINITION]
    return definitions, [each for each in objects if each["kind"] != DEFINITION]


def container(deployment: Object) -> Object:
    """The first container of a deployment, to be changed in place."""
    first: Object = deployment["spec"]["template"]["spec"]["containers"][0]
    return first


def one(objects: list[Object], kind: str, name: str) -> Object:
    """The object of that kind and name, to be changed in place."""
    return next(
        each for each in objects if each["kind"] == kind and each["metadata"]["name"] == name
    )
