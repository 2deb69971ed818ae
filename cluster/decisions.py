"""One ``Decision`` object for each decision of a person (`components.platform.Decisions`).

Its definition, and the policy by which the API server takes no other name than the caller's own,
are in `manifests/base/decisions.yaml`.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import msgspec

from cluster.api import Api, Conflict, Missing
from cluster.kinds import DECISION, SELF_REVIEW, Object
from cluster.names import labels, object_name
from components.errors import InputError, PlatformError, Unreachable
from components.platform import Decision, Says

PART = "decision"


class _Spec(msgspec.Struct):
    """What an object says."""

    release: str
    number: int
    says: Says
    by: str
    reason: str = ""


@dataclass(frozen=True)
class KubernetesDecisions:
    """The decisions in one namespace."""

    api: Api
    namespace: str

    def read(self, release_id: str) -> list[Decision]:
        """The decisions of a release, in their order.

        Raises:
            Unreachable: the API server did not answer.
            InputError: one is damaged.
        """
        return sorted(map(_read, self._found(release_id)), key=lambda each: each.number)

    def _found(self, release_id: str) -> list[Object]:
        """By what they say: who makes one by kubectl need not know our labels."""
        try:
            listed = self.api.list(DECISION, self.namespace)
        except Missing:  # where the kind is not known nobody has decided anything
            return []
        return [each for each in listed if each["spec"]["release"] == release_id]

    def add(self, release_id: str, number: int, says: Says, reason: str) -> Decision | None:
        """Keep a decision of whoever the API server takes the caller for.

        Raises:
            PlatformError: the caller may not, or the API server does not know the kind.
            Unreachable: the API server did not answer; the decision may stand or not.
        """
        name = object_name(f"{release_id}-{number}")
        spec = {"release": release_id, "number": number, "says": says, "by": self._caller()}
        made = DECISION.object(
            {"name": name, "labels": labels(PART, release=release_id)},
            spec=spec | {"reason": reason},
        )
        try:
            return _read(self.api.create(DECISION, self.namespace, made))
        except Conflict:
            return None
        except Missing as error:
            raise PlatformError(
                f"{error}: this installation is older: apply its manifests again"
            ) from error
        except Unreachable:
            found = self.api.get(DECISION, self.namespace, name)
            if found is None or found["spec"] != made["spec"]:
                raise
            return _read(found)

    def _caller(self) -> str:
        """Whom the API server takes us for."""
        found = self.api.create(SELF_REVIEW, "", SELF_REVIEW.object({}))
        return str(found["status"]["userInfo"]["username"])

    def clear(self, release_id: str) -> None:
        """Remove what was decided of a release.

        Raises:
            Unreachable: the API server did not answer.
        """
        for each in self._found(release_id):
            with suppress(Missing):
                self.api.delete(DECISION, self.namespace, each["metadata"]["name"])


def _read(found: Object) -> Decision:
    meta = found["metadata"]
    try:
        spec = msgspec.convert(found["spec"], _Spec)
    except msgspec.ValidationError as error:
        raise InputError(
            f"decision {meta['name']}: none of this version of Sluice ({error}):"
            f" 'kubectl delete decision {meta['name']} --namespace {meta['namespace']}'"
        ) from error
    at = datetime.fromisoformat(meta["creationTimestamp"]).timestamp()
    return Decision(spec.release, spec.number, spec.says, spec.by, at, spec.reason)
