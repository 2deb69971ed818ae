"""One ``coordination.k8s.io`` Lease per endpoint (`components.platform.Leases`).

Our lease stands whole in an annotation, with a token of its own beside it. The fields of the Lease
say the same to people and are not read: somebody who labels it, or edits it, ends no release.
A lease that was given back leaves its object, without a holder, as leader elections do: so whoever
may change leases needs no right to delete any.
"""

import json
import math
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

import msgspec

from cluster import ownership
from cluster.api import MANAGER, Api, Conflict
from cluster.kinds import LEASE, Object
from cluster.names import annotation, labels, object_name, said
from components.errors import InputError, PlatformError, Unreachable
from components.platform import Lease

_PART = "lease"
_ENDPOINT, _LEASE, _TOKEN = "endpoint", "lease", "token"
_TRIES = 3
"""Of a write whose answer was lost, or that met somebody else's change of a label."""


@dataclass(frozen=True)
class KubernetesLeases:
    """The leases of one namespace.

    A token is drawn at random, so none is ever given twice, even by a store that was set back.

    Args:
        api: the API server.
        namespace: the team's.
        taken: called with the endpoint whose lease was taken, taken over or given back, or whose
            release waits or waits no longer.
    """

    api: Api
    namespace: str
    taken: Callable[[str], None] = lambda _: None

    def read(self, endpoint: str) -> Lease | None:
        """The lease, living or silent, or None.

        Raises:
            InputError: it is damaged.
            Unreachable: the API server did not answer.
        """
        found = self._found(endpoint)
        return None if found is None else _read(found)

    def _found(self, endpoint: str) -> Object | None:
        return self.api.get(LEASE, self.namespace, object_name(endpoint))

    def swap(self, endpoint: str, expected: str | None, new: Lease | None) -> str | None:
        """Replace the lease if its token is still ``expected``; the new token if that was done.

        A write whose answer was lost is read back: its token is nobody else's.

        Raises:
            InputError: see `read`.
            PlatformError: a Lease of that name is another program's.
            Unreachable: the API server does not answer; the lease may have been replaced.
        """
        token = uuid.uuid4().hex
        lost: PlatformError = PlatformError(f"the lease of {endpoint} changes all the time")
        for _ in range(_TRIES):
            try:
                found = self._found(endpoint)
                if found is not None and said(found, _TOKEN) == token:
                    return token
                present = None if found is None else _read(found)
                if (present.token if present else None) != expected:
                    return None
                ownership.refuse(found, LEASE)
                self._write(endpoint, found, new, token)
                if _seen(present) != _seen(new):
                    self.taken(endpoint)
                return token
            except (Conflict, Unreachable) as error:
                lost = error
        raise lost

    def _write(self, endpoint: str, found: Object | None, new: Lease | None, token: str) -> None:
        changed = _written(endpoint, found, new, token, datetime.now(UTC))
        if found is None:
            self.api.create(LEASE, self.namespace, changed)
        else:
            self.api.replace(LEASE, self.namespace, changed)

    def age(self, endpoint: str) -> float | None:
        """Seconds since the lease changed last: both times are the API server's own.

        It writes down when a manager of fields wrote last, and dates its answers.

        Raises:
            Unreachable: the API server did not answer.
        """
        found = self._found(endpoint)
        answered = self.api.answered_at
        if found is None or answered is None:
            return None
        written = [
            datetime.fromisoformat(each["time"]).timestamp()
            for each in found["metadata"].get("managedFields") or []
            if each.get("manager") == MANAGER and each.get("time")
        ]
        return max(0.0, answered - max(written)) if written else None

    def make_room(self) -> bool:
        """Nothing is kept: the API server's store has room of its own."""
        return False

    def endpoints(self) -> list[str]:
        """The endpoints that have a lease; one that is damaged is among them."""
        listed = self.api.list(LEASE, self.namespace, labels(_PART))
        return sorted(said(each, _ENDPOINT) for each in listed if said(each, _LEASE))


def _seen(lease: Lease | None) -> tuple[str, bool]:
    """What of a lease people see beside the endpoint: a change of it is told."""
    return (lease.holder, bool(lease.waits)) if lease else ("", False)


def _read(found: Object) -> Lease | None:
    """Our lease in the object; None if it was given back."""
    content = said(found, _LEASE)
    if not content:
        return None
    try:
        lease = msgspec.json.decode(content, type=Lease)
        if not _is_possible(lease):
            raise msgspec.ValidationError("its length or its split is none")
    except msgspec.DecodeError as error:
        name, namespace = found["metadata"]["name"], found["metadata"]["namespace"]
        raise InputError(
            f"lease {name}: not a lease of this version of Sluice ({error}): when none of its"
            f" releases runs, 'kubectl delete lease {name} --namespace {namespace}'"
        ) from error
    return replace(lease, token=said(found, _TOKEN))


def _is_possible(lease: Lease) -> bool:
    """A length that ends, for one that does not is never silent; and shares in percent."""
    shares = lease.restore.values()
    return 0 < lease.seconds < math.inf and all(0 <= share <= 100 for share in shares)


def _written(
    endpoint: str, found: Object | None, new: Lease | None, token: str, now: datetime
) -> Object:
    """The object as it is to be; what others wrote into ``found`` stays."""
    before = found or {"metadata": {"name": object_name(endpoint)}, "spec": {}}
    metadata = before["metadata"]
    content = "" if new is None else json.dumps(asdict(replace(new, token="")), sort_keys=True)
    own = {
        annotation(_ENDPOINT): endpoint,
        annotation(_LEASE): content,
        annotation(_TOKEN): token,
    }
    at = now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    holder: Object = dict.fromkeys(("holderIdentity", "leaseDurationSeconds", "acquireTime"))
    if new is not None:
        goes_on = before["spec"].get("holderIdentity") == new.holder
        holder = {
            "holderIdentity": new.holder,
            "leaseDurationSeconds": max(1, math.ceil(new.seconds)),
            "acquireTime": before["spec"].get("acquireTime") if goes_on else at,
        }
    spec = before["spec"] | holder | {"renewTime": at}
    return LEASE.object(
        {
            **metadata,
            "labels": (metadata.get("labels") or {}) | labels(_PART, endpoint=endpoint),
            "annotations": (metadata.get("annotations") or {}) | own,
        },
        spec={key: value for key, value in spec.items() if value is not None},
    )
