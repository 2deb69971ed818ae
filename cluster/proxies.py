"""What each proxy of the Gateway has in force, asked of the proxies themselves."""

import ssl
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import httpx

from cluster.api import Api
from cluster.kinds import POD, Object
from cluster.matches import PROBE_HEADER
from cluster.settings import Gateway
from components import gateway
from components.errors import PlatformError, Unreachable

_OWNER = "gateway.envoyproxy.io/owning-gateway-"
"""Begins the labels by which Envoy Gateway marks the proxies of a Gateway."""
_CONNECTIONS = 8
"""Fresh ones to each proxy at a time: each of its threads learns of a change by itself, and a
connection belongs to one of them."""
_TIMEOUT_S = 2.0
_NO_RULE_OF_OURS = {httpx.codes.NOT_FOUND, httpx.codes.INTERNAL_SERVER_ERROR}
_NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""To read every known certificate takes 20 ms a client; and that of a listener is for the name that
users ask, not for a pod's address, which the API server has given."""
_NO_CERTIFICATES.check_hostname = False
_NO_CERTIFICATES.verify_mode = ssl.CERT_NONE


_Said = TypeVar("_Said")


class KeyUnknown(PlatformError):
    """A proxy does not know the platform's key: another team's route may be what answers."""


def owned_by(to: Gateway) -> dict[str, str]:
    """The labels of a Gateway's proxies."""
    return {f"{_OWNER}name": to.name, f"{_OWNER}namespace": to.namespace}


@dataclass(frozen=True)
class Proxies:
    """The Envoys of one Gateway.

    Args:
        api: says where they are.
        gateway: whose.
        key: the platform's own, for the gateway.
    """

    api: Api
    gateway: Gateway
    key: Callable[[], str]

    def addresses(self) -> list[str]:
        """The base URL of each proxy that takes connections.

        Raises:
            Unreachable: there is none.
        """
        pods = self.api.list(POD, self.gateway.proxies, owned_by(self.gateway))
        found = [address for each in pods if (address := self._address(each))]
        if not found:
            raise Unreachable(
                f"Gateway {self.gateway.namespace}/{self.gateway.name} has no proxy that is ready:"
                f" 'kubectl get pods --namespace {self.gateway.proxies}'"
            )
        return found

    def _address(self, pod: Object) -> str:
        status = pod.get("status", {})
        conditions = {c["type"]: c["status"] for c in status.get("conditions", [])}
        host = status.get("podIP", "")
        if conditions.get("Ready") != "True" or pod["metadata"].get("deletionTimestamp"):
            return ""
        scheme = "https" if self.gateway.encrypted else "http"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.gateway.port}"

    def writes(self, endpoint: str, host: str, *, passed: bool = False) -> set[int | None]:
        """Which writes of the endpoint's route are in force, by fresh connections to each proxy.

        None among them: somewhere it has no route.

        Args:
            endpoint: whose route.
            host: one that the route is for.
            passed: who does not know the platform's key has no route of the endpoint.

        Raises:
            Unreachable: a proxy does not answer.
            KeyUnknown: it does not know the key.
            PlatformError: it answers something else.
        """
        key = self.key()
        return {*self._each(lambda each: _write(each, endpoint, key, host, passed=passed))}

    def ask_pods(self, path: str, host: str) -> bool:
        """Whether every proxy answers to a path what a version answers, and nothing by itself.

        What is not answered in time, or refused for the client's rate, tells nothing.

        Raises:
            Unreachable: there is no proxy.
        """
        own = {gateway.KEY_HEADER: self.key(), "host": host}

        def knows(address: str) -> tuple[str, bool | None]:
            try:
                answer = _ask(f"{address}{path}", own)
            except Unreachable:
                return address, None
            is_told = answer.status_code != httpx.codes.TOO_MANY_REQUESTS
            return address, bool(answer.headers.get(gateway.VERSION_HEADER)) if is_told else None

        answers = self._each(knows)
        told = {address for address, known in answers if known is not None}
        asked = {address for address, _ in answers}
        return told == asked and False not in {known for _, known in answers}

    def _each(self, ask: Callable[[str], _Said]) -> list[_Said]:
        """What the proxies say, by fresh connections to each of their addresses."""
        asked = [address for address in self.addresses() for _ in range(_CONNECTIONS)]
        with ThreadPoolExecutor(len(asked)) as pool:
            return list(pool.map(ask, asked))

    def statuses(self, path: str, headers: Mapping[str, str]) -> set[int]:
        """What each proxy answers to who asks for a path, by the platform's own key.

        Raises:
            Unreachable: a proxy does not answer.
        """
        own = {gateway.KEY_HEADER: self.key(), **headers}
        return {_ask(f"{address}{path}", own).status_code for address in self.addresses()}


def _ask(url: str, headers: Mapping[str, str]) -> httpx.Response:
    """What is answered by a fresh connection."""
    try:
        with httpx.Client(verify=_NO_CERTIFICATES, timeout=_TIMEOUT_S, trust_env=False) as client:
            return client.get(url, headers={**headers, "connection": "close"})
    except httpx.HTTPError as error:
        raise Unreachable(f"the proxy {url}: {error or type(error).__name__}") from error


def _write(address: str, endpoint: str, key: str, host: str, *, passed: bool) -> int | None:
    headers = {PROBE_HEADER: endpoint, gateway.KEY_HEADER: key, "host": host}
    answer = _ask(f"{address}/v2/models/{endpoint}", headers)
    unknown = answer.status_code == httpx.codes.UNAUTHORIZED
    # Where others keep a route it may answer, or have no place to ask.
    silent = answer.is_success or answer.status_code in _NO_RULE_OF_OURS
    if silent or (passed and unknown):
        return None
    number = answer.headers.get("location", "").rpartition("/writes/")[2]
    if not number.isdecimal():
        raise (KeyUnknown if unknown else PlatformError)(
            f"the proxy {address} answers {answer.status_code} where it should tell what is in"
            f" force of {endpoint}: is the key of {gateway.PLATFORM_CLIENT} known there?"
        )
    return int(number)
