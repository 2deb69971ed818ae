"""What people decide is heard by what it says, whoever has made the object."""

import pytest

from cluster.decisions import KubernetesDecisions
from cluster.kinds import DECISION, Object
from tests.support.wires import Remembering

TEAM = "demo"


def made(release: str, number: int) -> Object:
    """As `kubectl create` makes one, by somebody who knows the kind alone."""
    spec = {"release": release, "number": number, "says": "pause", "by": "alice"}
    metadata = {"name": f"{release}-{number}", "creationTimestamp": "2026-11-28T09:00:00Z"}
    return DECISION.object(metadata, spec=spec)


@pytest.mark.parametrize("release", ["rel-demo-v2-1", "x" * 300])
def test_one_without_our_labels_is_heard_and_cleared_with_the_others(release: str) -> None:
    wire = Remembering()
    name = "of-a-long-one" if len(release) > 60 else f"{release}-1"
    found = made(release, 1)
    found["metadata"]["name"] = name
    wire.keep(DECISION, TEAM, found)
    wire.keep(DECISION, TEAM, made("another", 1))
    decisions = KubernetesDecisions(wire.api(TEAM), TEAM)
    (heard,) = decisions.read(release)
    assert (heard.number, heard.says, heard.by) == (1, "pause", "alice")
    decisions.clear(release)
    assert decisions.read(release) == []
    assert len(decisions.read("another")) == 1
