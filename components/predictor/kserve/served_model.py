"""One `Service` as KServe calls a model, for REST and gRPC alike."""

import logging
from collections.abc import Mapping
from typing import Any

import msgspec
from kserve import model_server
from kserve.constants.constants import PredictorProtocol
from kserve.model import Model
from kserve.protocol.dataplane import DataPlane, has_binary_headers
from kserve.protocol.infer_type import (
    InferInput,
    InferOutput,
    InferRequest,
    InferResponse,
    RequestedOutput,
)
from kserve.protocol.model_repository_extension import ModelRepositoryExtension
from kserve.utils.utils import generate_uuid

from components.errors import InputError
from components.predictor.http import infer, tensors
from components.predictor.http.body import JSON_LENGTH, json_length
from components.predictor.model import Tensor
from components.predictor.service import Service


class ServedModel(Model):  # type: ignore[misc]  # KServe ships no types
    """The service in the form that KServe's application calls."""

    def __init__(self, service: Service) -> None:
        super().__init__(service.name)
        self._service = service

    async def healthy(self) -> bool:
        """True once the model is warm."""
        return self._service.ready

    def load(self) -> bool:
        """Loading is not KServe's business: it happens once, before readiness."""
        return self._service.ready

    def get_input_types(self) -> list[dict[str, Any]]:
        """The inputs for V2 metadata."""
        return _specs(self._service.model.inputs)

    def get_output_types(self) -> list[dict[str, Any]]:
        """The outputs for V2 metadata."""
        return _specs(self._service.model.outputs)

    async def predict(self, payload: Any, headers: Mapping[str, str] | None = None) -> Any:
        """Answer a V2 request (REST or gRPC) or a V1 one."""
        if isinstance(payload, InferRequest):
            return await self._infer(payload)
        if not isinstance(payload, dict) or "instances" not in payload:
            raise InputError('the body is no V1 request: send {"instances": [...]}')
        if not isinstance(payload["instances"], list):
            raise InputError("'instances' is no list")
        params = payload.get("params") or {}
        if not isinstance(params, dict):
            raise InputError("'params' is no object of inference parameters")
        return {"predictions": await self._service.predict(payload["instances"], params)}

    async def _infer(self, request: Any) -> Any:
        inputs = [Tensor(t.name, t.datatype, t.shape, t.data) for t in request.inputs]
        named = [output.name for output in request.request_outputs or ()]
        params = {k: v for k, v in (request.parameters or {}).items() if k != infer.BINARY_OUTPUT}
        outputs = await self._service.infer(inputs, named, params)
        return InferResponse(
            response_id=request.id or generate_uuid(),
            model_name=self.name,
            model_version=self._service.version,
            infer_outputs=[
                InferOutput(name=t.name, shape=t.shape, datatype=t.datatype, data=t.data)
                for t in outputs
            ],
            use_binary_outputs=request.use_binary_outputs,
            requested_outputs=None if request.from_grpc else request.request_outputs,
        )


class Plane(DataPlane):  # type: ignore[misc]  # KServe ships no types
    """KServe's, with our reading of requests, our states, and answers as they were asked for."""

    def __init__(self, service: Service, registry: Any) -> None:
        super().__init__(model_registry=registry)
        self._service = service

    def metadata(self) -> dict[str, Any]:
        """KServe's, with the extensions that are served."""
        return {**super().metadata(), "extensions": ["binary_tensor_data"]}

    async def model_metadata(self, model_name: str) -> dict[str, Any]:
        """KServe's, with the version and what runs it."""
        found = await super().model_metadata(model_name)
        return {
            **found,
            "versions": [self._service.version],
            "platform": f"sluice_{self._service.runtime}",
        }

    async def ready(self) -> bool:
        """The one model of the process is ready, and the process stays."""
        return self._service.ready and not self._service.draining

    async def model_ready(
        self, model_name: str, disable_predictor_health_check: bool = False
    ) -> bool:
        """Whether a client should come; for an inference itself, whether it can be answered."""
        loaded = bool(await super().model_ready(model_name, disable_predictor_health_check))
        return loaded and (disable_predictor_health_check or not self._service.draining)

    def decode(
        self,
        body: Any,
        headers: Any,
        protocol_version: str = PredictorProtocol.REST_V1.value,
        model_name: str | None = None,
    ) -> Any:
        """A request from its bytes.

        Raises:
            InputError: whatever is wrong with them.
        """
        if protocol_version == PredictorProtocol.REST_V2.value:
            length = json_length(headers, body)
            return _request(infer.decode(body, length), model_name), {}
        if not has_binary_headers(headers):
            return self.decode_cloudevent(infer.parse_json(body))
        try:
            return self.decode_cloudevent(self.get_binary_cloudevent(body, headers))
        except Exception as error:  # a CloudEvent's reader may raise anything, of what it was sent
            raise InputError(f"no CloudEvent: {type(error).__name__}: {error}") from error

    def encode(self, model_name: str, response: Any, headers: Any, req_attributes: Any) -> Any:
        """An answer for REST, its tensors in JSON or binary as each was asked for."""
        if not isinstance(response, InferResponse):
            return super().encode(model_name, response, headers, req_attributes)
        plain, length = _rest_answer(response)
        encoded, found = super().encode(model_name, plain, headers, req_attributes)
        return encoded, found if length is None else {**found, JSON_LENGTH: str(length)}


def _rest_answer(response: Any) -> tuple[Any, int | None]:
    """An answer as an object; or as bytes, and how many of them are JSON."""
    wanted = {o.name: o.binary_data for o in response._requested_outputs or ()}  # noqa: SLF001
    default = response._use_binary_outputs  # noqa: SLF001 (KServe tells it by nothing public)
    outputs: list[dict[str, Any]] = []
    tail: list[bytes] = []
    for output in response.outputs:
        tensor = Tensor(output.name, output.datatype, output.shape, output.data)
        content = {"name": tensor.name, "shape": tensor.shape, "datatype": tensor.datatype}
        if wanted.get(tensor.name, default):
            tail.append(tensors.to_bytes(tensor))
            outputs.append({**content, "parameters": {"binary_data_size": len(tail[-1])}})
        else:
            outputs.append({**content, "data": tensors.to_values(tensor)})
    answer = {
        "model_name": response.model_name,
        "model_version": response.model_version,
        "id": response.id,
        "outputs": outputs,
    }
    if not tail:
        return answer, None
    head = msgspec.json.encode(answer)
    return b"".join([head, *tail]), len(head)


def _request(found: infer.InferRequest, model_name: str | None) -> Any:
    """The request in KServe's form."""
    return InferRequest(
        model_name=model_name,
        request_id=found.id,
        parameters={**found.parameters, infer.BINARY_OUTPUT: found.binary},
        infer_inputs=[InferInput(t.name, t.shape, t.datatype, t.data) for t in found.inputs],
        request_outputs=[
            RequestedOutput(output.name, {"binary_data": output.binary}) for output in found.outputs
        ],
    )


def register(service: Service) -> tuple[DataPlane, ModelRepositoryExtension]:
    """What KServe's REST and gRPC servers stand on, with ``service`` as its one model."""
    _silence()
    server = model_server.ModelServer(workers=1, enable_grpc=True, enable_latency_logging=False)
    server.register_model(ServedModel(service))
    return Plane(service, server.registered_models), server.model_repository_extension


def _silence() -> None:
    """KServe logs every request, and a traceback for every bad one."""
    model_server.logging.configure_logging()
    for name in ("kserve", "kserve.trace"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _specs(specs: Any) -> list[dict[str, Any]]:
    return [{"name": s.name, "datatype": s.datatype, "shape": list(s.shape)} for s in specs]
