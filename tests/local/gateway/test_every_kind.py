"""What `sluice register` accepts answers its own example through the gateway, on every door."""

from pathlib import Path
from typing import Any

import pytest

from components.platform import Platform
from components.predictor.runtimes.pyfunc import Pyfunc
from local.servers import ports
from tests.support import predictors
from tests.support.doors import everywhere
from tests.support.stands import Upstream, stand
from tests.support.zoo import ZOO

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow warns of pickles

MODELS = (
    "answers-outputs-by-name",
    "hint-models",
    *(
        pytest.param(kind, marks=pytest.mark.long)
        for kind in (
            "answers-frame-of-dates",
            "chat",
            "onnx-two-inputs",
            "parameters",
            "sklearn-categories",
        )
    ),
)


def example_of(folder: Path) -> tuple[list[Any], dict[str, Any]]:
    """Rows and parameters: the model's own, or made up where it has none."""
    model = Pyfunc.load(folder, allow_pickle=True)
    if model.example:
        return model.example.instances, dict(model.example.params)
    return [{"a": [1.0, 2.0], "b": [3.0, 4.0]}], {}


@pytest.mark.parametrize("kind", MODELS)
def test_an_example_is_answered_alike_through_every_door_of_the_gateway(
    platform: Platform, tmp_path: Path, kind: str
) -> None:
    ZOO[kind].save(tmp_path / "m")
    instances, params = example_of(tmp_path / "m")
    flags = ("--allow-pickle", "--executors=1", "--threads=1")
    predictor = predictors.start(
        tmp_path / "m", tmp_path / "log", *flags, runtime="mlflow", name=kind
    )
    upstream = Upstream(predictor.process, *predictor.ports)
    try:
        with stand(platform, kind, {"7": upstream}, rps=1000) as served:
            served.split({"7": 100})
            served.client.headers["x-sluice-endpoint"] = kind
            gateway = f"127.0.0.1:{ports.kept(served.home)['gateway']}"
            found = everywhere(served.client, gateway, kind, instances, params)
            wrong = served.client.post(
                f"/v1/models/{kind}:predict",
                json={"instances": instances, "params": {"unheard": 1}},
            )
    finally:
        upstream.stop()
    assert {door: rows for door, rows in found.items() if rows != found["V1"]} == {}
    assert wrong.status_code == 400
    assert "'unheard'" in wrong.text
