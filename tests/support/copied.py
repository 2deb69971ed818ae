"""A registered model with the files of another one: an alias is of all endpoints of its model."""

from collections.abc import Sequence

import httpx


def copied(registry: str, model: str, name: str, versions: Sequence[str]) -> None:
    """Register the model ``name``, whose versions 1, 2... have the files of these of ``model``."""
    base = f"{registry}/api/2.0/mlflow"
    with httpx.Client(base_url=base, trust_env=False, timeout=30) as ask:
        _answer(ask.post("/registered-models/create", json={"name": name}))
        for version in versions:
            query = {"name": model, "version": version}
            found = _answer(ask.get("/model-versions/get", params=query))["model_version"]
            made = {key: found[key] for key in ("source", "run_id", "tags")}
            made |= {"name": name, "model_id": found["source"].removeprefix("models:/")}
            _answer(ask.post("/model-versions/create", json=made))


def _answer(answer: httpx.Response) -> dict[str, dict[str, str]]:
    assert answer.is_success, answer.text
    found: dict[str, dict[str, str]] = answer.json()
    return found
