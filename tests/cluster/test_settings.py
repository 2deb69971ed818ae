"""What an installation says of itself."""

from typing import Any

import pytest
import yaml

from cluster.api import Api
from cluster.kinds import CONFIG_MAP
from cluster.settings import KEY, NAME, read, unknown
from components.errors import InputError

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

GOOD: dict[str, Any] = {
    "store": {"uri": "s3://sluice"},
    "gateway": {"url": "https://models.example"},
    "predictor": {"image": "registry.example/predictor:1"},
    "prometheus": "http://prometheus:9090",
    "registry": "http://mlflow:5000",
}


def install(api: Api, namespace: str, **changed: object) -> None:
    text = yaml.safe_dump(GOOD | changed)
    api.apply(CONFIG_MAP, namespace, CONFIG_MAP.object({"name": NAME}, data={KEY: text}))


def test_settings_are_read_strictly(kubernetes: Api, team: str) -> None:
    with pytest.raises(InputError, match="has no Sluice"):
        read(kubernetes, team)
    install(kubernetes, team)
    assert read(kubernetes, team).predictor.account == "sluice-predictor"
    assert unknown(kubernetes, team) == []
    wrong: dict[str, object] = {"store": {"uri": "ftp://x"}, "gateway": [], "prometheus": 9090}
    for key, value in wrong.items():
        install(kubernetes, team, **{key: value})
        with pytest.raises(InputError, match=f"ConfigMap {team}/{NAME}.*{key}"):
            read(kubernetes, team)


def test_a_later_sluice_s_settings_stop_no_step_of_this_one(kubernetes: Api, team: str) -> None:
    """An upgrade applies them while releases run with the image that they began with."""
    install(kubernetes, team)
    before = read(kubernetes, team)
    later = {"predictor": {**GOOD["predictor"], "mood": "well"}, "teleporter": {"to": "mars"}}
    install(kubernetes, team, **later)
    assert read(kubernetes, team) == before
    assert unknown(kubernetes, team) == ["predictor.mood", "teleporter"]
