"""DNS of services and pods, and the rights of the node's own programs."""

from cluster.embedded.archive import Image
from cluster.embedded.controllers.part import Materials, Part, container, image_name, one, own
from cluster.embedded.families import COREDNS


def part(materials: Materials) -> Part:
    """CoreDNS."""
    image = image_name(COREDNS)
    objects = [*own("access.yaml"), *own("coredns.yaml")]
    container(one(objects, "Deployment", "coredns"))["image"] = image
    return Part(
        "coredns",
        images=(Image(image, {"coredns": materials.program(COREDNS, "coredns")}, ("/coredns",)),),
        objects=objects,
        deployments=("kube-system/coredns",),
    )
