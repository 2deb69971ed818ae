"""Clients that we did not write, against the running platform."""

import asyncio
from pathlib import Path

import pytest

from components.platform import Platform
from components.registry import Registry
from tests.support.releases import MODEL, first_release, released_file


@pytest.fixture(scope="module")
def endpoint(
    prepared: Platform, registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> str:
    path: Path = released_file(tmp_path_factory.mktemp("clients"), "clients", steps=[100])
    first_release(registry, path, "2")
    return "clients"


@pytest.fixture
def headers(prepared: Platform, endpoint: str) -> dict[str, str]:
    key = prepared.gateway.key("demo")
    return {"x-api-key": key, "x-sluice-endpoint": endpoint}


def request(endpoint: str):  # type: ignore[no-untyped-def] # kserve ships no types
    from kserve import InferInput, InferRequest

    text = InferInput(
        "text",
        [2],
        "BYTES",
        data=[
            "I still have not received my new card, I ordered over a week ago.",
            "I lost my phone",
        ],
    )
    return InferRequest(model_name=endpoint, infer_inputs=[text])


def labels(response) -> list[str]:  # type: ignore[no-untyped-def]
    (found,) = [output for output in response.outputs if output.name == "label"]
    return [x.decode() if isinstance(x, bytes) else str(x) for x in found.data]


def test_kserve_s_rest_client(prepared: Platform, endpoint: str, headers: dict[str, str]) -> None:
    from kserve import InferenceRESTClient, RESTConfig

    async def ask() -> list[str]:
        client = InferenceRESTClient(RESTConfig(protocol="v2", timeout=30))
        base = prepared.gateway.url
        try:
            assert await client.is_model_ready(base, model_name=endpoint, headers=headers)
            return labels(
                await client.infer(base, request(endpoint), model_name=endpoint, headers=headers)
            )
        finally:
            await client.close()

    assert asyncio.run(ask()) == ["card_arrival", "lost_or_stolen_phone"]


def test_kserve_s_grpc_client(prepared: Platform, endpoint: str, headers: dict[str, str]) -> None:
    from kserve import InferenceGRPCClient

    async def ask() -> list[str]:
        address = prepared.gateway.url.removeprefix("http://")
        client = InferenceGRPCClient(url=address, timeout=30)
        try:
            metadata = list(headers.items())
            return labels(await client.infer(request(endpoint), headers=metadata))
        finally:
            await client.close()

    assert asyncio.run(ask()) == ["card_arrival", "lost_or_stolen_phone"]


def test_mlflow_s_client_finds_the_champion_and_its_numbers(
    prepared: Platform, endpoint: str
) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=prepared.registry.url)
    champion = client.get_model_version_by_alias(MODEL, "champion")
    assert (champion.version, champion.tags["sluice.outcome"]) == ("2", "promoted")
    assert float(champion.tags["sluice.evaluation.accuracy"]) > 0.8
