"""The relay's server: ``POST /mlflow`` for MLflow's webhook, ``GET /ready`` for the kubelet."""

import asyncio
import logging
import time
from collections.abc import Callable

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from cluster.relay.deliveries import MOST_BYTES, Candidate, Deliveries, Refused, candidate
from components.errors import PlatformError

log = logging.getLogger("sluice.relay")

_READ_S = 10.0
"""How long a body may take."""


def app(
    deliveries: Deliveries,
    follow: Callable[[Candidate], list[str]],
    now: Callable[[], float] = time.time,
) -> FastAPI:
    """The server.

    Args:
        deliveries: checks who asks.
        follow: begins what a hint is right about, and returns the releases.
        now: seconds since the epoch.
    """
    served = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    one = asyncio.Lock()

    @served.get("/ready")
    async def ready() -> JSONResponse:
        return JSONResponse({"ready": True})

    @served.post("/mlflow")
    async def mlflow(request: Request) -> JSONResponse:
        try:
            body = await _body(request)
            # One at a time: a delivery that is sent twice at once is dealt with once.
            async with one:
                number = deliveries.check(request.headers, body, now())
                hint = candidate(body)
                told = await run_in_threadpool(follow, hint) if hint else []
                deliveries.dealt_with(number, now())
        except Refused as refused:
            log.warning("a delivery is refused: %s", refused)
            return JSONResponse({"error": str(refused)}, refused.status)
        except PlatformError as error:
            log.warning("a delivery waits: %s", error)
            return JSONResponse({"error": str(error)}, 503)  # MLflow sends it again
        for each in told:
            log.info("%s: told to Argo Events", each)
        return JSONResponse({"releases": told})

    return served


async def _body(request: Request) -> bytes:
    """The request's body; one that is too large is not read to its end."""
    body = b""
    try:
        async with asyncio.timeout(_READ_S):
            async for part in request.stream():
                body += part
                if len(body) > MOST_BYTES:
                    raise Refused(413, f"the body has more than {MOST_BYTES} bytes")
    except TimeoutError as error:
        raise Refused(408, "the body did not come") from error
    return body
