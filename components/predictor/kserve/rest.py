"""KServe's REST application, V1 and V2, with our errors beside its own."""

import warnings
from typing import Any

from fastapi.exceptions import HTTPException, RequestValidationError
from fastapi.responses import JSONResponse
from kserve import model_server
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.model_repository_extension import ModelRepositoryExtension
from kserve.protocol.rest.server import RESTServer

from components.errors import SluiceError
from components.predictor.http.errors import headers_of, status_of

# KServe chose its response class; what FastAPI thinks of it is no news for the operator.
warnings.filterwarnings("ignore", message="ORJSONResponse is deprecated")


_REFUSED = (400, 404, 405)
"""What the framework itself may answer."""


def create(dataplane: DataPlane, extension: ModelRepositoryExtension) -> Any:
    """KServe's ASGI application; see `served_model.register` for the arguments."""
    rest = RESTServer("kserve.model_server:app", dataplane, extension, http_port=0)
    rest.create_application()
    application = model_server.app
    application.add_exception_handler(SluiceError, _on_error)
    application.add_exception_handler(RequestValidationError, _on_invalid)
    for status in _REFUSED:
        application.add_exception_handler(status, _on_refusal)
    return application


async def _on_error(_: Any, error: SluiceError) -> JSONResponse:
    return JSONResponse({"error": str(error)}, status_of(error), headers_of(error))


async def _on_invalid(_: Any, error: RequestValidationError) -> JSONResponse:
    fault = error.errors()[0]
    where = ".".join(str(part) for part in fault["loc"] if part not in ("body", "InferenceRequest"))
    return JSONResponse({"error": f"{where}: {fault['msg']}" if where else fault["msg"]}, 400)


async def _on_refusal(_: Any, error: HTTPException) -> JSONResponse:
    """What the framework itself refuses, in the form of every other error."""
    return JSONResponse({"error": str(error.detail)}, error.status_code, error.headers)
