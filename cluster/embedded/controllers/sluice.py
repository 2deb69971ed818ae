"""Sluice itself: ``manifests/overlays/embedded``, with this machine's images and passwords."""

from typing import Any

from cluster import passwords
from cluster.embedded import containers
from cluster.embedded.controllers import envoy_gateway
from cluster.embedded.controllers.part import Materials, Part, Settled, image_name, one
from cluster.embedded.families import PROMETHEUS
from cluster.embedded.home import REPOSITORY
from cluster.embedded.kubectl import Object, load
from cluster.settings import KEY, NAME, SYSTEM

OVERLAY = REPOSITORY / "manifests" / "overlays" / "embedded"
TEAM = "demo"

_LATE = ("ClusterStorageContainer",)
"""KServe's webhook checks them."""


def part(materials: Materials) -> Part:
    """Everything that the overlay has."""
    names = images()
    objects = load(materials.kubectl.run("kustomize", str(OVERLAY)))
    mapped = [_mapped(each, names) for each in objects]
    _set_predictor(one(mapped, "ConfigMap", NAME), names)
    job = one(mapped, "Job", "sluice-install")["metadata"]
    # A job cannot be changed: with another image it is another one.
    job["name"] += "-" + names["sluice-steps"].rpartition(":")[2]
    drawn = {name: materials.password(name) for name in passwords.NAMES}
    return Part(
        "sluice",
        definitions=[each for each in mapped if each["kind"] == "Namespace"],
        objects=[
            *passwords.objects(drawn, [TEAM]),
            *(each for each in mapped if each["kind"] not in ("Namespace", *_LATE)),
        ],
        late=[each for each in mapped if each["kind"] in _LATE],
        deployments=(f"{SYSTEM}/mlflow", f"{SYSTEM}/reaper"),
        settled=(
            Settled(SYSTEM, "gateway/sluice", "Programmed"),
            Settled(TEAM, f"job/{job['name']}", "Complete"),
        ),
    )


def images() -> dict[str, str]:
    """The image in the node for each name that manifests have."""
    own = {f"sluice-{target}": containers.name(target) for target in containers.TARGETS}
    others = {"envoy": envoy_gateway.proxy().name, "prometheus": image_name(PROMETHEUS)}
    return own | others


def _mapped(found: Any, names: dict[str, str]) -> Any:
    """The object with each image by its name in the node."""
    if isinstance(found, dict):
        return {
            key: names.get(value, value)
            if key == "image" and isinstance(value, str)
            else _mapped(value, names)
            for key, value in found.items()
        }
    return [_mapped(each, names) for each in found] if isinstance(found, list) else found


def _set_predictor(settings: Object, names: dict[str, str]) -> None:
    """Predictors' image, which stands in a text."""
    import yaml

    content = yaml.safe_load(settings["data"][KEY])
    content["predictor"] = _mapped(content["predictor"], names)
    settings["data"][KEY] = yaml.safe_dump(content, sort_keys=False)
