"""One ConfigMap per endpoint (`components.platform.Endpoints`).

``sluice apply`` makes it, or kustomize does, from the files in ``endpoints/``.
"""

from dataclasses import dataclass

from cluster.api import Api, metadata
from cluster.kinds import CONFIG_MAP, Object
from cluster.names import PART as ROLE
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
            InputError: it is wrong, or somebody else has a ConfigMap of its name; what stood
                before stays.
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
        before = self.api.get(CONFIG_MAP, self.namespace, _map(found.name))
        if before is not None and not _is_file(before):
            raise InputError(
                f"ConfigMap {_map(found.name)} is not Sluice's: delete it, or rename the endpoint"
            )
        # Whoever may merely look begins a release with the file that is known.
        if not _holds(before, made):
            self.api.apply(CONFIG_MAP, self.namespace, made)
        return found

    def names(self) -> list[str]:
        """Every endpoint."""
        listed = self.api.list(CONFIG_MAP, self.namespace, labels(PART))
        return sorted(said(each, "endpoint") for each in listed)


def _is_file(found: Object) -> bool:
    """Whether a ConfigMap is an endpoint's; one that git brings may have no label of ours."""
    ours = metadata(found, "labels").get(ROLE) == PART
    return ours or FILE in (found.get("data") or {})


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
