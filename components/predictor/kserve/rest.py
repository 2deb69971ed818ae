"""KServe's own server around one `Service`: its routes, encodings, gRPC and management calls.

Importing this module imports KServe, which takes seconds; see `lightly`.
"""

import logging
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import grpc
from components.predictor.replies import headers_of, status_of
from components.predictor.scheduler import Expired, Overloaded, TooLarge
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from grpc_interceptor.server import AsyncServerInterceptor
from kserve import model_server
from kserve.errors import InvalidInput
from kserve.model import Model
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import (
    add_GRPCInferenceServiceServicer_to_server,
)
from kserve.protocol.grpc.interceptors import ExceptionToStatusInterceptor
from kserve.protocol.grpc.servicer import InferenceServicer
from kserve.protocol.infer_type import InferOutput, InferRequest, InferResponse
from kserve.protocol.rest.server import RESTServer
from kserve.utils.utils import generate_uuid

from components.errors import InputError, SluiceError
from components.predictor.metrics import Metrics
from components.predictor.model import Tensor
from components.predictor.service import Service

# KServe chose its response class; what FastAPI thinks of it is no news for the operator.
warnings.filterwarnings("ignore", message="ORJSONResponse is deprecated")

log = logging.getLogger("sluice.predictor")

_GRPC_CODES = (
    (Overloaded, grpc.StatusCode.UNAVAILABLE),
    (Expired, grpc.StatusCode.DEADLINE_EXCEEDED),
    (TooLarge, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (InputError, grpc.StatusCode.INVALID_ARGUMENT),
)
_HTTP_CODES = {
    grpc.StatusCode.OK: 200,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 413,
    grpc.StatusCode.CANCELLED: 499,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
}
_UNREADABLE = (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError)
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
        except _UNREADABLE as error:
            raise InputError(f"unreadable request: {type(error).__name__}: {error}") from error


def create(service: Service) -> tuple[Any, Any]:
    """KServe's ASGI application and gRPC servicer around ``service``."""
    _silence()
    server = model_server.ModelServer(workers=1, enable_grpc=True, enable_latency_logging=False)
    server.register_model(ServedModel(service))
    dataplane = _DataPlane(model_registry=server.registered_models)
    extension = server.model_repository_extension
    rest = RESTServer("kserve.model_server:app", dataplane, extension, http_port=0)
    rest.create_application()
    application = model_server.app
    application.add_exception_handler(SluiceError, _on_error)
    application.add_exception_handler(RequestValidationError, _on_invalid)
    return application, InferenceServicer(dataplane, extension)


async def start_grpc(
    servicer: Any, service: Service, host: str, port: int, max_message: int
) -> Any:
    """Serve gRPC on ``host:port``; returns the server, to be stopped with a grace period.

    Raises:
        RuntimeError: the port cannot be bound.
    """
    server = grpc.aio.server(
        interceptors=(_Counting(service.metrics), _Errors()),
        options=[
            ("grpc.max_send_message_length", max_message),
            ("grpc.max_receive_message_length", max_message),
            ("grpc.so_reuseport", 0),
        ],
    )
    add_GRPCInferenceServiceServicer_to_server(servicer, server)
    server.add_insecure_port(f"{host}:{port}")
    await server.start()
    return server


def _silence() -> None:
    """KServe logs every request, and a traceback for every bad one."""
    model_server.logging.configure_logging()
    for name in ("kserve", "kserve.trace"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


class _Errors(ExceptionToStatusInterceptor):  # type: ignore[misc]  # KServe ships no types
    """Our errors as gRPC statuses, beside KServe's."""

    async def handle_exception(
        self, ex: Exception, request_or_iterator: Any, context: Any, method_name: str
    ) -> None:
        if isinstance(ex, SluiceError):
            codes = (code for kind, code in _GRPC_CODES if isinstance(ex, kind))
            code = next(codes, grpc.StatusCode.INTERNAL)
            trailers = tuple(headers_of(ex).items())
            await context.abort(code, str(ex), trailing_metadata=trailers)
        if isinstance(ex, _UNREADABLE) and not isinstance(ex, InvalidInput):
            text = f"unreadable request: {type(ex).__name__}: {ex}"
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, text)
        await super().handle_exception(ex, request_or_iterator, context, method_name)


class _Counting(AsyncServerInterceptor):  # type: ignore[misc]  # ships no types
    """Counts gRPC inferences by the HTTP counterpart of their status."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    async def intercept(
        self, method: Callable[..., Any], request: Any, context: Any, method_name: str
    ) -> Any:
        if not method_name.endswith("/ModelInfer"):
            return await method(request, context)
        began = self._metrics.began()
        status = 499
        try:
            response = await method(request, context)
            status = 200
        except Exception:
            status = _HTTP_CODES.get(context.code(), 500)
            raise
        finally:
            self._metrics.finished(status, began)
        return response


async def _on_error(_: Any, error: SluiceError) -> JSONResponse:
    return JSONResponse({"error": str(error)}, status_of(error), headers_of(error))


async def _on_invalid(_: Any, error: RequestValidationError) -> JSONResponse:
    fault = error.errors()[0]
    where = ".".join(str(part) for part in fault["loc"] if part not in ("body", "InferenceRequest"))
    return JSONResponse({"error": f"{where}: {fault['msg']}" if where else fault["msg"]}, 400)


def _specs(specs: Any) -> list[dict[str, Any]]:
    return [{"name": s.name, "datatype": s.datatype, "shape": list(s.shape)} for s in specs]


def _parse(body: bytes) -> Any:
    """KServe hands a V1 body over unread when its content type has a parameter."""
    import msgspec

    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InputError(f"the body is not JSON: {error}") from error


def _tensor(tensor: Any) -> Tensor:
    data = tensor.data
    if tensor._raw_data is not None:
        try:
            data = tensor.as_numpy()
        except Exception as error:
            raise InputError(
                f"input {tensor.name!r}: its bytes do not hold {tensor.datatype} of shape "
                f"{tensor.shape}"
            ) from error
    return Tensor(tensor.name, tensor.datatype, tensor.shape, data)
