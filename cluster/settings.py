"""What an installation says of itself: one ConfigMap that everybody who uses it may read."""

import logging

import yaml
from pydantic import BaseModel, Field

from cluster.api import Api
from cluster.kinds import CONFIG_MAP
from components import yaml_text
from components.errors import InputError
from components.models import Strict

log = logging.getLogger("sluice.settings")

SYSTEM = "sluice-system"
"""The namespace of what all teams share."""
NAME, KEY = "sluice", "settings.yaml"


class Store(Strict):
    """Where records, versions' files and data sets are."""

    uri: str = Field(pattern=r"^(s3|gs)://[a-z0-9][a-z0-9.-]+$")
    endpoint: str = ""
    """Of an S3 store that is not Amazon's, such as ``http://s3.sluice-system:8333``."""
    region: str = "us-east-1"
    secret: str = ""
    """In the team's namespace, with the keys AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Empty:
    the pod's own identity, as the cloud gives it."""
    reader: str = ""
    """Likewise, of keys that read and list and do nothing else: for people who may have no others.
    """


class Gateway(Strict):
    """The Gateway to which endpoints' routes belong."""

    name: str = "sluice"
    namespace: str = SYSTEM
    listener: str = Field("", description="The listener's name; empty: all of them.")
    url: str = Field(pattern=r"^https?://[^/]+$")
    """Where users ask."""
    proxies: str = "envoy-gateway-system"
    """The namespace of its Envoys."""
    port: int = Field(10080, ge=1, le=65535)
    """Of the listener at each Envoy's pod: Envoy Gateway adds 10000 to one below 1024."""
    encrypted: bool = False
    """The listener has a certificate; it is users who check it."""


class Predictor(Strict):
    """How predictors run."""

    image: str
    pull: str = Field("IfNotPresent", pattern="^(Always|IfNotPresent|Never)$")
    account: str = "sluice-predictor"
    """The service account in the team's namespace: it reads the store, and nothing else."""
    container: str = "sluice"
    """The ClusterStorageContainer that fetches and verifies a version's files."""


class Autoscaling(Strict):
    """How KEDA scales predictors."""

    prometheus: str = Field(pattern=r"^https?://")
    """As KEDA reaches it: it counts the requests that wait."""
    interceptor: str = ""
    """The namespace of KEDA's HTTP add-on; empty: there is none, and no version sleeps."""


class Settings(Strict):
    """One installation."""

    store: Store
    gateway: Gateway
    predictor: Predictor
    prometheus: str = Field(pattern=r"^https?://")
    registry: str = Field(pattern=r"^https?://")
    autoscaling: Autoscaling | None = None
    """None: nobody scales; each version has its file's smallest number of predictors."""
    alertmanager: str = Field("", pattern=r"^(https?://.*)?$")


def read(api: Api, namespace: str = SYSTEM) -> Settings:
    """The settings of the installation.

    Keys that this version does not know are left out: another one is being installed, or was taken
    back, while steps of this one run (`unknown`).

    Raises:
        InputError: there is none, or they are wrong.
    """
    text, source = _text(api, namespace)
    content, unknown = _known(yaml_text.parse(text, source).content, Settings)
    if unknown:
        log.info("%s: not known here: %s", source, ", ".join(unknown))
        text = yaml.safe_dump(content)
    return yaml_text.read(Settings, text, source, "the settings are a mapping with 'store:'")


def unknown(api: Api, namespace: str = SYSTEM) -> list[str]:
    """The keys of the settings that this version does not know: a later one's, or misspelt.

    Raises:
        InputError: see `read`.
    """
    return _known(yaml_text.parse(*_text(api, namespace)).content, Settings)[1]


def _text(api: Api, namespace: str) -> tuple[str, str]:
    """The settings as they are written, and where."""
    found = api.get(CONFIG_MAP, namespace, NAME)
    if found is None:
        raise InputError(
            f"this cluster has no Sluice: namespace {namespace} has no ConfigMap {NAME}:"
            " 'kubectl apply -k manifests/overlays/...' installs it"
        )
    return (found.get("data") or {}).get(KEY, ""), f"ConfigMap {namespace}/{NAME}, {KEY}"


def _known(content: object, model: type[BaseModel], below: str = "") -> tuple[object, list[str]]:
    """What a model knows of a mapping, at every depth, and the keys that it does not."""
    if not isinstance(content, dict):
        return content, []
    kept, unknown = {}, []
    for key, value in content.items():
        field = model.model_fields.get(str(key))
        if field is None:
            unknown.append(f"{below}{key}")
            continue
        inner = field.annotation
        kept[key] = value
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            kept[key], more = _known(value, inner, f"{below}{key}.")
            unknown += more
    return kept, unknown
