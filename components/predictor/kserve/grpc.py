"""KServe's gRPC service, with our errors as statuses and its inferences counted."""

from collections.abc import Callable
from typing import Any

import grpc
from grpc_interceptor.server import AsyncServerInterceptor
from kserve.errors import InvalidInput
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import (
    add_GRPCInferenceServiceServicer_to_server,
)
from kserve.protocol.grpc.interceptors import ExceptionToStatusInterceptor
from kserve.protocol.grpc.servicer import InferenceServicer
from kserve.protocol.model_repository_extension import ModelRepositoryExtension

from components.errors import InputError, PlatformError, SluiceError
from components.predictor.http.errors import headers_of
from components.predictor.kserve.served_model import UNREADABLE
from components.predictor.metrics import Metrics
from components.predictor.scheduling.refusals import Expired, Overloaded, TooLarge

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


def create(
    dataplane: DataPlane,
    extension: ModelRepositoryExtension,
    metrics: Metrics,
    *,
    host: str,
    port: int,
    max_message: int,
) -> Any:
    """A server bound to ``host:port``, to be started, and stopped with a grace period.

    Args:
        dataplane: see `served_model.register`.
        extension: likewise.
        metrics: told of every inference.
        host: address to listen on.
        port: port to listen on.
        max_message: bytes of a request or an answer.

    Raises:
        PlatformError: the port is taken.
    """
    server = grpc.aio.server(
        interceptors=(_Counting(metrics), _Errors()),
        options=[
            ("grpc.max_send_message_length", max_message),
            ("grpc.max_receive_message_length", max_message),
            ("grpc.so_reuseport", 0),
        ],
    )
    add_GRPCInferenceServiceServicer_to_server(InferenceServicer(dataplane, extension), server)
    try:
        server.add_insecure_port(f"{host}:{port}")
    except RuntimeError as error:
        raise PlatformError(f"gRPC cannot listen on {host}:{port}: choose another port") from error
    return server


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
        if isinstance(ex, UNREADABLE) and not isinstance(ex, InvalidInput):
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
