"""Steps of another Sluice's image, from its own templates, go on with a canary: both ways.

Reapers, relay and servers are today's, as in the midst of an upgrade.
"""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.kinds import WORKFLOW, Kind, Object
from components import record
from components.record import SCHEMA, Noted, Unknown, of
from pipelines.pods import IMAGE
from tests.support.earlier import SCHEMA_4, TODAY, Tree, unpacked
from tests.support.present import present
from tests.support.releases import Recorded, users
from tests.support.road import Place, Road, released
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(2400)]

TEMPLATE = Kind("argoproj.io/v1alpha1", "WorkflowTemplate", "workflowtemplates")
NAME = "release-1"
RPS = 20
QUICK: dict[str, Any] = {
    "steps": [50, 100],
    "watch": "60s",
    "poll": "2s",
    # Two predictors share two cores: no latency decides here.
    "judge": {"method": "threshold", "min_requests": 200, "p95_ratio": 10},
}


@dataclass(frozen=True)
class Earlier:
    """An earlier Sluice, whose image `tests.support.earlier` has brought into the node."""

    tree: Tree
    image: str

    def template(self) -> Object:
        """Its template of releases with one watched step."""
        path = self.tree.path / f"pipelines/compiled/argo/{NAME}.yaml"
        found: Object = with_image(yaml.safe_load(path.read_text()), self.image)
        return found


def with_image(found: Any, image: str) -> Any:
    """A template whose steps run this image."""
    if isinstance(found, dict):
        return {
            key: image if (key, value) == ("image", IMAGE) else with_image(value, image)
            for key, value in found.items()
        }
    return [with_image(each, image) for each in found] if isinstance(found, list) else found


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Earlier:
    tree = unpacked(SCHEMA_4, tmp_path_factory.mktemp("earlier"))
    return Earlier(tree, tree.image())


@pytest.fixture
def team(place: Place) -> Iterator[Road]:
    with released(*place, "upgraded", by_alias=True, **QUICK) as made:
        yield made


@contextmanager
def installed(team: Road, wanted: Object) -> Iterator[None]:
    """Releases begin by another template while the block runs."""
    before = present(team.api.get(TEMPLATE, team.runs, NAME))
    put(team, wanted["spec"])
    try:
        yield
    finally:
        put(team, before["spec"])


def put(team: Road, spec: Object) -> None:
    found = present(team.api.get(TEMPLATE, team.runs, NAME))
    team.api.replace(TEMPLATE, team.runs, {**found, "spec": spec})


def resumed(release: Recorded) -> dict[str, Any]:
    """Go on with a release in a new run; how that ends."""
    done = TODAY.run("cli", "release", "--resume", release.release_id, "--json", timeout=600)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_today_s_sluice_ends_a_canary_that_an_earlier_one_began(
    earlier: Earlier, team: Road, tmp_path: Path
) -> None:
    with users(team.file, tmp_path / "users.jsonl", RPS) as asked:
        with installed(team, earlier.template()):
            release = team.candidate("2")
            team.watches(release)
        # Here the upgrade was done; the run that knew nothing of it is lost.
        assert record.opened(release.lines()).schema == 4
        team.api.delete(WORKFLOW, team.runs, release.release_id)
        assert resumed(release)["outcome"] == "promoted", release.state().reason
        assert team.ended(release) == "promoted"
    assert Counter(each.status for each in asked.answers()).keys() == {200}
    assert of(release.lines(), Unknown) == []
    risen = [each.detail for each in of(release.lines(), Noted) if each.event == "schema_risen"]
    assert risen == [str(SCHEMA)]
    path = tmp_path / "record.jsonl"
    path.write_bytes(b"".join(team.platform.records.read(release.release_id, 0)))
    for tree in (TODAY, earlier.tree):
        done = tree.run("cli", "show", str(path), "--json")
        assert done.returncode == 0, done.stderr


def test_an_earlier_sluice_s_run_ends_as_it_began_while_the_rest_is_today_s(
    earlier: Earlier, team: Road, tmp_path: Path
) -> None:
    with users(team.file, tmp_path / "users.jsonl", RPS) as asked:
        with installed(team, earlier.template()):
            release = team.candidate("2")
            team.watches(release)
        assert team.ended(release) in {"promoted", "rolled_back"}, release.state().reason
    assert Counter(each.status for each in asked.answers()).keys() == {200}
    assert of(release.lines(), Unknown) == []


def test_an_earlier_sluice_refuses_today_s_canary_and_production_gets_all(
    earlier: Earlier, team: Road, tmp_path: Path
) -> None:
    with users(team.file, tmp_path / "users.jsonl", RPS) as asked:
        release = team.candidate("2")
        team.watches(release)
        with installed(team, earlier.template()):
            team.api.delete(WORKFLOW, team.runs, release.release_id)
            assert resumed(release)["outcome"] == "error"
            wait_until(lambda: team.platform.traffic.weights(team.endpoint) == {"1": 100}, 180)
        assert team.ended(release) == "error"
    assert Counter(each.status for each in asked.answers()).keys() == {200}
