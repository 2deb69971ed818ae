"""What an installation says of itself."""

import pytest
import yaml

from cluster.api import Api
from cluster.kinds import CONFIG_MAP
from cluster.settings import KEY, NAME, read
from components.errors import InputError

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

GOOD = {
    "store": {"uri": "s3://sluice"},
    "gateway": {"url": "https://models.example"},
    "predictor": {"image": "registry.example/predictor:1"},
    "prometheus": "http://prometheus:9090",
    "registry": "http://mlflow:5000",
}


def test_settings_are_read_strictly(kubernetes: Api, team: str) -> None:
    with pytest.raises(InputError, match="has no Sluice"):
        read(kubernetes, team)

    def install(**changed: object) -> None:
        text = yaml.safe_dump(GOOD | changed)
        kubernetes.apply(CONFIG_MAP, team, CONFIG_MAP.object({"name": NAME}, data={KEY: text}))

    install()
    assert read(kubernetes, team).predictor.account == "sluice-predictor"
    wrong: dict[str, object] = {"store": {"uri": "ftp://x"}, "predictors": {}, "prometheus": 9090}
    for key, value in wrong.items():
        install(**{key: value})
        with pytest.raises(InputError, match=f"ConfigMap {team}/{NAME}.*{key}"):
            read(kubernetes, team)
