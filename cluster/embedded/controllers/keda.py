"""KEDA's definitions alone: KServe looks for them when it starts."""

from cluster.embedded.controllers.part import Materials, Part
from cluster.embedded.families import KEDA
from cluster.embedded.shipped import files


def part(_: Materials) -> Part:
    """The definitions."""
    return Part("keda", definitions=files(KEDA, "config/crd/bases/*.yaml"))
