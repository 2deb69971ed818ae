"""Everything that is installed on the node, in order."""

from collections.abc import Mapping
from pathlib import Path

from cluster.embedded.controllers import coredns
from cluster.embedded.controllers.part import Part


def parts(folders: Mapping[str, Path]) -> list[Part]:
    """Every controller, from the ``folders`` of the families' built programs."""
    return [coredns.part(folders["coredns"])]
