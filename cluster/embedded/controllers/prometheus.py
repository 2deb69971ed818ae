"""The image of Prometheus; what it scrapes, and as whom, is our own manifests' matter."""

from cluster.embedded.archive import Image
from cluster.embedded.controllers.part import Materials, Part, image_name
from cluster.embedded.families import PROMETHEUS


def part(materials: Materials) -> Part:
    """Prometheus."""
    program = materials.program(PROMETHEUS, "prometheus")
    image = Image(image_name(PROMETHEUS), {"prometheus": program}, ("/prometheus",))
    return Part("prometheus", images=(image,))
