"""One `Service` as KServe calls a model, for REST and gRPC alike."""

import logging
from collections.abc import Mapping
from typing import Any

import msgspec
from kserve import model_server
from kserve.errors import InvalidInput
from kserve.model import Model
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.infer_type import InferOutput, InferRequest, InferResponse
from kserve.protocol.model_repository_extension import ModelRepositoryExtension
from kserve.utils.utils import generate_uuid

from components.errors import InputError
from components.predictor.model import Tensor
from components.predictor.service import Service

UNREADABLE = (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError)
"""What KServe's decoders raise on input that they do not check."""


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
        if isinstance(payload, bytes):
            payload = _parse(payload)
        if not isinstance(payload, dict) or "instances" not in payload:
            raise InputError('the body is no V1 request: send {"instances": [...]}')
        if not isinstance(payload["instances"], list):
            raise InputError("'instances' is no list")
        return {"predictions": await self._service.predict(payload["instances"])}

    async def _infer(self, request: Any) -> Any:
        inputs = [_tensor(tensor) for tensor in request.inputs]
        wanted = [output.name for output in request.request_outputs or ()]
        outputs = await self._service.infer(inputs, wanted)
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


class _DataPlane(DataPlane):  # type: ignore[misc]  # KServe ships no types
    """KServe's, whose decoders answer 500 to some malformed bodies."""

    def decode(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().decode(*args, **kwargs)
        except InvalidInput:
            raise
        except UNREADABLE as error:
            raise InputError(f"unreadable request: {type(error).__name__}: {error}") from error


def register(service: Service) -> tuple[DataPlane, ModelRepositoryExtension]:
    """What KServe's REST and gRPC servers stand on, with ``service`` as its one model."""
    _silence()
    server = model_server.ModelServer(workers=1, enable_grpc=True, enable_latency_logging=False)
    server.register_model(ServedModel(service))
    return (
        _DataPlane(model_registry=server.registered_models),
        server.model_repository_extension,
    )


def _silence() -> None:
    """KServe logs every request, and a traceback for every bad one."""
    model_server.logging.configure_logging()
    for name in ("kserve", "kserve.trace"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _specs(specs: Any) -> list[dict[str, Any]]:
    return [{"name": s.name, "datatype": s.datatype, "shape": list(s.shape)} for s in specs]


def _parse(body: bytes) -> Any:
    """KServe hands a V1 body over unread when its content type has a parameter."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InputError(f"the body is not JSON: {error}") from error


def _tensor(tensor: Any) -> Tensor:
    data = tensor.data
    if tensor._raw_data is not None:  # noqa: SLF001 (KServe tells it by nothing public)
        try:
            data = tensor.as_numpy()
        except Exception as error:
            raise InputError(
                f"input {tensor.name!r}: its bytes do not hold {tensor.datatype} of shape "
                f"{tensor.shape}"
            ) from error
    return Tensor(tensor.name, tensor.datatype, tensor.shape, data)
