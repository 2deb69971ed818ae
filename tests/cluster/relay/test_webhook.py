"""The relay's webhook is in MLflow once, whatever was there before: a real MLflow's store."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cluster.relay import webhook
from components.errors import Unreachable

pytestmark = [
    pytest.mark.slow,
    # MLflow's own, of the library below it
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning"),
]


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.BaseTransport]:
    """The wire to MLflow's own application, on SQLite."""
    from cryptography.fernet import Fernet
    from mlflow.server import app, handlers

    folder: Path = tmp_path_factory.mktemp("mlflow")
    store = f"sqlite:///{folder}/db.sqlite"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY", Fernet.generate_key().decode())
        patch.setenv("MLFLOW_WEBHOOK_ALLOWED_SCHEMES", "http,https")
        patch.setenv("_MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS", "true")
        patch.setenv("MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS", "true")
        patch.setattr(handlers, "_tracking_store", None)
        patch.setattr(handlers, "_model_registry_store", None)
        handlers.initialize_backend_stores(store, store, str(folder))
        yield httpx.WSGITransport(app)


def listed(wire: httpx.BaseTransport) -> list[dict[str, object]]:
    with httpx.Client(transport=wire, base_url="http://localhost:5000") as client:
        found: list[dict[str, object]] = client.get("/api/2.0/mlflow/webhooks").json()["webhooks"]
        return found


def test_it_is_registered_once_and_mended(mlflow: httpx.BaseTransport) -> None:
    for url in ("http://relay.old:8080/mlflow", *["http://relay.new:8080/mlflow"] * 2):
        webhook.register("http://localhost:5000", url, "secret", mlflow)
        [found] = listed(mlflow)
        assert found["url"] == url
        assert found["status"] == "ACTIVE"
        assert found["events"] == webhook.EVENTS


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, html="<h1>Sign in</h1>"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"webhooks": [{"name": webhook.NAME}]}),
        httpx.Response(503),
    ],
)
def test_what_is_no_answer_of_mlflow_is_asked_again(answer: httpx.Response) -> None:
    wire = httpx.MockTransport(lambda _: answer)
    with pytest.raises(Unreachable):
        webhook.register("http://mlflow.test", "http://relay.test/mlflow", "secret", wire)
