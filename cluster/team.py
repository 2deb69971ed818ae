"""What a team's namespace holds before its first endpoint: its keys, and who may use them.

``python -m cluster.team`` makes it in the namespace of the pod, or of the kubeconfig's context.
"""

from dataclasses import dataclass

from cluster import pins
from cluster.access import find_access
from cluster.api import Api
from cluster.keys import Clients, SecretGateway
from cluster.kinds import HTTP_ROUTE_FILTER, SECURITY_POLICY


@dataclass(frozen=True)
class Policies:
    """The policies of a namespace's routes; called with the clients whenever these change."""

    api: Api
    namespace: str

    def __call__(self, known: Clients) -> None:
        """Make them these."""
        for each in pins.policies(known):
            self.api.apply(SECURITY_POLICY, self.namespace, each)


def keys(api: Api, namespace: str, url: str) -> SecretGateway:
    """The keys of a namespace, with the policies that go by them."""
    return SecretGateway(api, namespace, url, Policies(api, namespace))


def install(api: Api, namespace: str) -> None:
    """Make what is missing; keys that are there stay. May be repeated."""
    gateway = keys(api, namespace, "")
    gateway.install()
    gateway.changed(gateway.read())
    api.apply(HTTP_ROUTE_FILTER, namespace, pins.nobody())


if __name__ == "__main__":
    access = find_access()
    install(Api(access), access.namespace)
