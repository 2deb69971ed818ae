"""The installation's Prometheus with other settings than it came with."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import yaml

from cluster.api import Api
from cluster.kinds import CONFIG_MAP, POD, Object
from cluster.settings import SYSTEM
from tests.support.killing import is_ready, pods
from tests.support.present import present
from tests.support.waiting import wait_until

_SETTINGS, _FILE = "sluice-prometheus", "prometheus.yaml"
_LABELS = {"app": "prometheus"}
_BACK_S = 180.0


@contextmanager
def settings_of_prometheus(
    api: Api, change: Callable[[Object], None], **beside: str
) -> Iterator[None]:
    """A Prometheus with changed settings while the block runs; the old one's after it.

    Args:
        api: asked as its administrator.
        change: what to change of the content of its file of settings.
        beside: files in the same folder, by their names without ``.yaml``.
    """
    before: dict[str, str] = present(api.get(CONFIG_MAP, SYSTEM, _SETTINGS))["data"]
    content = yaml.safe_load(before[_FILE])
    change(content)
    more = {f"{name}.yaml": text for name, text in beside.items()}
    try:
        _begin_anew(api, {_FILE: yaml.safe_dump(content, sort_keys=False), **more})
        yield
    finally:
        _begin_anew(api, {**dict.fromkeys(more), **before})


def _begin_anew(api: Api, data: dict[str, str | None]) -> None:
    """Write settings, and wait for a Prometheus that began with them."""
    api.merge(CONFIG_MAP, SYSTEM, _SETTINGS, {"data": data})
    [old] = pods(api, SYSTEM, _LABELS)
    api.delete(POD, SYSTEM, old["metadata"]["name"])

    def is_back() -> bool:
        found = pods(api, SYSTEM, _LABELS)
        uids = [each["metadata"]["uid"] for each in found]
        return old["metadata"]["uid"] not in uids and any(map(is_ready, found))

    wait_until(is_back, _BACK_S, "Prometheus with other settings")
