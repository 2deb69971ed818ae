"""One ConfigMap per endpoint (`components.platform.Endpoints`).

``sluice apply`` makes it, or kustomize does, from the files in ``endpoints/``.
"""

from dataclasses import dataclass

from cluster import ownership
from cluster.api import Api, metadata
from cluster.kinds import CONFIG_MAP, Object
from cluster.names import annotation, labels, object_name, said
from components import endpoint as endpoint_files
from components.endpoint import Endpoint
from components.errors import InputError

PART = "endpoint"
FILE = "endpoint.yaml"
"""The ConfigMap's key."""


@dataclass(frozen=True)
class ConfiguredEndpoints:
    """The endpoints of one namespace."""

    api: Api
    namespace: str

    def load(self, name: str) -> Endpoint:
        """The endpoint called ``name``.

        Raises:
            InputError: there is none, or its file is wrong.
        """
        text = self.text(name)
        if text is None:
            raise InputError(
                f"no endpoint {name!r} in namespace {self.namespace}:"
                f" 'sluice apply endpoints/{name}.yaml' makes it known"
            )
        return endpoint_files.parse(text, f"endpoint {name}")

    def text(self, name: str) -> str | None:
        """The endpoint's file as it is known; None if it is not."""
        found = self.api.get(CONFIG_MAP, self.namespace, _map(name))
        text: str | None = ((found or {}).get("data") or {}).get(FILE)
        return text

    def apply(self, text: str, source: str) -> Endpoint:
        """Check the file ``text`` and make it the endpoint's.

        Raises:
            InputError: it is wrong; what stood before stays.
            PlatformError: the ConfigMap of that name is for something else.
        """
        found = endpoint_files.applied(text, source)
        made = CONFIG_MAP.object(
            {
                "name": _map(found.name),
                "labels": labels(PART, endpoint=found.name),
                "annotations": {annotation("endpoint"): found.name},
            },
            data={FILE: text},
        )
        # Whoever may merely look begins a release with the file that is known.
        before = self.api.get(CONFIG_MAP, self.namespace, _map(found.name))
        if not _holds(before, made):
            # Kustomize may have made it, which need not say that it is ours.
            if FILE not in ((before or {}).get("data") or {}):
                ownership.refuse(before, CONFIG_MAP)
            self.api.apply(CONFIG_MAP, self.namespace, made)
        return found

    def names(self) -> list[str]:
        """Every endpoint."""
        listed = self.api.list(CONFIG_MAP, self.namespace, labels(PART))
        return sorted(said(each, "endpoint") for each in listed)


def _holds(found: Object | None, wanted: Object) -> bool:
    """Whether an endpoint's ConfigMap says all that is wanted."""
    if found is None or found.get("data") != wanted["data"]:
        return False
    return all(
        metadata(wanted, part).items() <= metadata(found, part).items()
        for part in ("labels", "annotations")
    )


def _map(name: str) -> str:
    return object_name(f"endpoint-{name}")
