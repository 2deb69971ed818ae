"""A token that ends is read again, and decides nothing, on a real API server."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TypeVar

import pytest

from cluster.access import find_access
from cluster.api import Api
from cluster.kinds import LEASE
from cluster.leases import KubernetesLeases
from components.errors import Unreachable
from components.platform import Lease
from components.release.state import fold
from tests.support.people import ACCOUNT
from tests.support.roles import BINDINGS, CLUSTER_ROLE, GROUP
from tests.support.tokens import Token, token
from tests.support.worlds import quick

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(600)]

_R = TypeVar("_R")

NAME = "step-that-ends"
HELD = Lease("demo", "r", "step", 60.0, {"1": 100})


@pytest.fixture(scope="module")
def shown(kubernetes: Api, team: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Token]:
    """The token of an account that may take leases."""
    kubernetes.create(ACCOUNT, team, ACCOUNT.object({"name": NAME}))
    verbs = ["get", "list", "create", "update"]
    rule = {"apiGroups": ["coordination.k8s.io"], "resources": [LEASE.plural], "verbs": verbs}
    kubernetes.apply(CLUSTER_ROLE, "", CLUSTER_ROLE.object({"name": NAME}, rules=[rule]))
    binding = BINDINGS[True].object(
        {"name": NAME},
        roleRef={"apiGroup": GROUP, "kind": "ClusterRole", "name": NAME},
        subjects=[{"kind": "ServiceAccount", "name": NAME, "namespace": team}],
    )
    kubernetes.apply(BINDINGS[True], team, binding)
    with token(kubernetes, team, NAME, tmp_path_factory.mktemp("tokens")) as made:
        yield made
    kubernetes.delete(CLUSTER_ROLE, "", NAME)


@pytest.fixture
def asked(shown: Token) -> Iterator[Api]:
    """The server, asked with what stands in the file."""
    with closing(Api(find_access({"KUBECONFIG": str(shown.kubeconfig)}))) as api:
        yield api


def test_a_refused_token_is_read_again_once_and_what_is_there_is_told(
    shown: Token, asked: Api, team: str
) -> None:
    leases = KubernetesLeases(asked, team)
    before = leases.swap("demo", None, HELD)
    assert before
    shown.end()
    with pytest.raises(Unreachable, match="Unauthorized: log in again"):
        leases.read("demo")
    with pytest.raises(Unreachable):
        leases.swap("demo", before, None)
    shown.renew()
    after = leases.swap("demo", before, HELD)
    assert after
    assert leases.swap("demo", after, None)


@dataclass
class Ending:
    """Leases whose holder's token ends once it is time; two refusals later there is the next."""

    leases: KubernetesLeases
    shown: Token
    due: Callable[[], bool]
    ended: bool = field(default=False, init=False)
    refused: int = field(default=0, init=False)

    def swap(self, endpoint: str, expected: str | None, new: Lease | None) -> str | None:
        if not self.ended and self.due():
            self.ended = True
            self.shown.end()
        return self._counted(lambda: self.leases.swap(endpoint, expected, new))

    def read(self, endpoint: str) -> Lease | None:
        return self._counted(lambda: self.leases.read(endpoint))

    def _counted(self, call: Callable[[], _R]) -> _R:
        try:
            return call()
        except Unreachable:
            self.refused += 1
            if self.refused == 2:
                self.shown.renew()
            raise

    def __getattr__(self, name: str) -> object:
        return getattr(self.leases, name)


def test_a_watch_whose_token_ends_goes_on_and_promotes(shown: Token, asked: Api, team: str) -> None:
    found = quick(lease="10m")

    def watched() -> bool:
        lines = found.record("r")
        return bool(lines) and any(poll.weights.get("2") for poll in fold(lines).polls)

    leases = Ending(KubernetesLeases(asked, team), shown, watched)
    found.world.platform = replace(found.world.platform, leases=leases)  # type: ignore[arg-type]
    assert found.walk("2", "r").outcome == "promoted"
    assert leases.refused >= 2
    assert found.weights == {"2": 100}
    assert KubernetesLeases(asked, team).read("demo") is None
