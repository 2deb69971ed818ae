"""Service accounts whose tokens end when a test says so, for programs outside of any pod."""

import base64
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cluster.access import find_access
from cluster.api import Api
from cluster.kinds import SECRET, SELF_REVIEW, Kind
from components.errors import Unreachable
from tests.support.people import kubeconfig
from tests.support.waiting import wait_until

_KNOWN_S = 60.0
"""An API server takes a token that it has seen for some seconds more (10 by default)."""


@dataclass
class Token:
    """A service account's token in a file, as a pod has it; each is bound to a Secret, and ends
    with that."""

    api: Api
    """The API server, asked as its administrator."""
    namespace: str
    account: str
    folder: Path
    bound_to: str = field(default="", init=False)

    @property
    def file(self) -> Path:
        """Where the token stands."""
        return self.folder / f"{self.account}.token"

    @property
    def kubeconfig(self) -> Path:
        """Of a program that reads the token there."""
        return self.folder / f"{self.account}.kubeconfig"

    def renew(self) -> None:
        """Put another token there, as the kubelet does."""
        self.bound_to = f"token-{uuid.uuid4().hex[:8]}"
        made = self.api.create(SECRET, self.namespace, SECRET.object({"name": self.bound_to}))
        bound = {
            **{"kind": "Secret", "apiVersion": "v1"},
            **{"name": self.bound_to, "uid": made["metadata"]["uid"]},
        }
        tokens = Kind("v1", "TokenRequest", f"serviceaccounts/{self.account}/token")
        asked = {
            **{"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest"},
            "spec": {"boundObjectRef": bound},
        }
        token = self.api.create(tokens, self.namespace, asked)["status"]["token"]
        self.file.touch(mode=0o600)
        self.file.write_text(token)

    def end(self) -> None:
        """Let the token that stands there be worth nothing; returns when the server says 401."""
        self.remove()
        with closing(Api(find_access({"KUBECONFIG": str(self.kubeconfig)}))) as asked:
            wait_until(lambda: _refused(asked), _KNOWN_S, "a 401 for the token")

    def remove(self) -> None:
        """Leave nothing of it on the server."""
        self.api.delete(SECRET, self.namespace, self.bound_to)


def _refused(asked: Api) -> bool:
    try:
        asked.create(SELF_REVIEW, "", SELF_REVIEW.object({}))
    except Unreachable as error:
        return "Unauthorized" in str(error)
    return False


@contextmanager
def token(api: Api, namespace: str, account: str, folder: Path) -> Iterator[Token]:
    """A token of a service account that is there; it ends with the block."""
    made = Token(api, namespace, account, folder)
    made.renew()
    try:
        kubeconfig(api, namespace, {"tokenFile": str(made.file)}, made.kubeconfig)
        yield made
    finally:
        made.remove()


def store_keys(api: Api, namespace: str) -> dict[str, str]:
    """The keys of the object store, as a pod of that namespace has them in its environment."""
    data = (api.get(SECRET, namespace, "sluice-store") or {}).get("data") or {}
    return {key: base64.b64decode(value).decode() for key, value in data.items()}
