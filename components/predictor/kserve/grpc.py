"""KServe's gRPC service, with our errors as statuses and its inferences counted."""

from collections.abc import Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from grpc_interceptor.server import AsyncServerInterceptor
from kserve.constants.constants import GRPC_CONTENT_DATATYPE_MAPPINGS
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import (
    add_GRPCInferenceServiceServicer_to_server,
)
from kserve.protocol.grpc.interceptors import ExceptionToStatusInterceptor
from kserve.protocol.grpc.servicer import InferenceServicer
from kserve.protocol.infer_type import InferInput, InferRequest, RequestedOutput
from kserve.protocol.model_repository_extension import ModelRepositoryExtension

from components.errors import InputError, PlatformError, SluiceError
from components.predictor.http import tensors
from components.predictor.http.errors import ONE_FOR_LIFE, headers_of
from components.predictor.metrics import Metrics
from components.predictor.model import Tensor
from components.predictor.scheduling.refusals import (
    Expired,
    NotFound,
    NotReady,
    Overloaded,
    TooLarge,
)
from components.predictor.service import Service

_GRPC_CODES = (
    (Overloaded, grpc.StatusCode.UNAVAILABLE),
    (NotReady, grpc.StatusCode.UNAVAILABLE),
    (NotFound, grpc.StatusCode.NOT_FOUND),
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
    service: Service,
    *,
    host: str,
    port: int,
    max_message: int,
) -> Any:
    """A server bound to ``host:port``, to be started, and stopped with a grace period.

    Args:
        dataplane: see `served_model.register`.
        extension: likewise.
        service: what is served; its metrics are told of every inference.
        host: address to listen on.
        port: port to listen on.
        max_message: bytes of a request or an answer.

    Raises:
        PlatformError: the port is taken.
    """
    server = grpc.aio.server(
        interceptors=interceptors(service),
        options=[
            ("grpc.max_send_message_length", max_message),
            ("grpc.max_receive_message_length", max_message),
            ("grpc.so_reuseport", 0),
        ],
    )
    attach(server, dataplane, extension, service)
    try:
        server.add_insecure_port(f"{host}:{port}")
    except RuntimeError as error:
        raise PlatformError(f"gRPC cannot listen on {host}:{port}: choose another port") from error
    return server


def interceptors(service: Service) -> tuple[Any, ...]:
    """What stands before every call, the outermost first."""
    return _Counting(service.metrics), _Errors(), _Decoding()


def attach(
    server: Any, dataplane: DataPlane, extension: ModelRepositoryExtension, service: Service
) -> None:
    """Let ``server`` answer the calls of the protocol; see `create` for the others."""
    add_GRPCInferenceServiceServicer_to_server(_Servicer(dataplane, extension, service), server)


class _Servicer(InferenceServicer):  # type: ignore[misc]  # KServe ships no types
    """KServe's, with our reading of tensors, and versions that count."""

    def __init__(
        self, dataplane: DataPlane, extension: ModelRepositoryExtension, service: Service
    ) -> None:
        super().__init__(dataplane, extension)
        self._service = service

    async def ModelReady(self, request: Any, context: Any) -> Any:  # noqa: N802 (gRPC's name)
        """KServe's, of the version that is served.

        Raises:
            NotFound: the request names another.
        """
        self._service.check_version(request.version)
        return await super().ModelReady(request, context)

    async def ModelMetadata(self, request: Any, context: Any) -> Any:  # noqa: N802 (gRPC's name)
        """KServe's, with the version.

        Raises:
            NotFound: the request names another.
        """
        self._service.check_version(request.version)
        found = await super().ModelMetadata(request, context)
        found.versions.append(self._service.version)
        return found

    async def RepositoryModelLoad(self, request: Any, context: Any) -> Any:  # noqa: N802 (likewise)
        """Refused: a process has one model for life."""
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, ONE_FOR_LIFE)

    RepositoryModelUnload = RepositoryModelLoad

    async def ModelInfer(self, request: Any, context: Any) -> Any:  # noqa: N802 (gRPC's name)
        """Answer an inference; in raw bytes if its inputs were.

        Raises:
            SluiceError: see `http.errors` for how each is answered.
        """
        if request.model_name == self._service.name:
            self._service.check_version(request.model_version)
        raw = list(request.raw_input_contents)
        answer, _ = await self._data_plane.infer(
            request=_request(request, raw), headers={}, model_name=request.model_name
        )
        return _answer(answer, raw=bool(raw))


def _request(request: Any, raw: list[bytes]) -> Any:
    """The request in KServe's form, its tensors checked.

    Raises:
        InputError: they do not fit their descriptions.
    """
    if raw and len(raw) != len(request.inputs):
        raise InputError(
            f"{len(request.inputs)} inputs and {len(raw)} raw_input_contents: send one for each"
        )
    if not request.inputs:
        raise InputError("'inputs' is empty: send at least one input")
    found = []
    for number, given in enumerate(request.inputs):
        shape = list(given.shape)
        if raw and given.HasField("contents"):
            raise InputError(f"input {given.name!r} has both contents and raw_input_contents")
        if raw:
            tensor = tensors.from_bytes(given.name, given.datatype, shape, raw[number])
        else:
            values = _contents(given)
            tensor = tensors.from_values(given.name, given.datatype, shape, values)
        found.append(InferInput(tensor.name, tensor.shape, tensor.datatype, tensor.data))
    return InferRequest(
        model_name=request.model_name,
        request_id=request.id,
        infer_inputs=found,
        from_grpc=True,
        parameters={
            name: getattr(value, value.WhichOneof("parameter_choice"))
            for name, value in request.parameters.items()
            if value.WhichOneof("parameter_choice")
        },
        request_outputs=[RequestedOutput(output.name) for output in request.outputs],
    )


def _contents(given: Any) -> list[Any]:
    """The values in the one field that fits the datatype.

    Raises:
        InputError: they stand in another one.
    """
    field = GRPC_CONTENT_DATATYPE_MAPPINGS.get(given.datatype.upper())
    filled = [each.name for each, _ in given.contents.ListFields()]
    if field and filled and filled != [field]:
        raise InputError(
            f"input {given.name!r}: {given.datatype} belongs into {field}, not {', '.join(filled)}"
        )
    return list(getattr(given.contents, field)) if field else []


def _answer(answer: Any, raw: bool) -> Any:
    """KServe's answer as protobuf."""
    outputs = [Tensor(o.name, o.datatype, o.shape, o.data) for o in answer.outputs]
    raw = raw or any(each.datatype not in GRPC_CONTENT_DATATYPE_MAPPINGS for each in outputs)
    response = pb.ModelInferResponse(
        id=answer.id, model_name=answer.model_name, model_version=answer.model_version
    )
    for tensor in outputs:
        described = response.outputs.add(
            name=tensor.name, datatype=tensor.datatype, shape=tensor.shape
        )
        if raw:
            response.raw_output_contents.append(tensors.to_bytes(tensor))
            continue
        values = tensors.to_values(tensor)
        if tensor.datatype == "BYTES":
            values = [v if isinstance(v, bytes) else str(v).encode() for v in values]
        getattr(described.contents, GRPC_CONTENT_DATATYPE_MAPPINGS[tensor.datatype]).extend(values)
    return response


class _Decoding(grpc.aio.ServerInterceptor):  # type: ignore[misc]  # gRPC ships no types
    """Decodes messages behind the other interceptors.

    So one that is none is counted and answered as the client's fault, where gRPC itself would call
    it an unknown error of the server.
    """

    async def intercept_service(self, continuation: Callable[..., Any], details: Any) -> Any:
        """The handler of a call, which takes the message as bytes."""
        handler = await continuation(details)
        if handler is None:
            return None

        async def call(message: bytes, context: Any) -> Any:
            try:
                request = handler.request_deserializer(message)
            except DecodeError as error:
                raise InputError(
                    f"the message is none of {details.method}: it does not decode"
                ) from error
            return await handler.unary_unary(request, context)

        return grpc.unary_unary_rpc_method_handler(
            call, response_serializer=handler.response_serializer
        )


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
