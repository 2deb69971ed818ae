"""The life of one predictor process: listen, load, calibrate, serve, drain."""

import asyncio
import contextlib
import functools
import logging
import signal
import socket
import sys
import time
from asyncio import Task
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import uvicorn

from components.errors import PlatformError
from components.predictor.garbage import keep, uncollected
from components.predictor.http.connection import FastHttpProtocol
from components.predictor.http.fast_path import FastPath
from components.predictor.http.middleware import Middleware
from components.predictor.kserve.light_imports import light_imports
from components.predictor.private_copy import fill, room_for
from components.predictor.runtimes import open_model, runtime_of
from components.predictor.scheduling.calibration import calibrate
from components.predictor.scheduling.engine import Engine
from components.predictor.scheduling.scheduler import Limits, Scheduler
from components.predictor.service import Service
from components.predictor.settings import Settings

log = logging.getLogger("sluice.predictor")

_QUIET_S = 5.0
"""Nobody asks who has not asked for so long."""


class _Uvicorn(uvicorn.Server):
    """Uvicorn without its signal handlers: the drain is ours."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass(frozen=True, slots=True)
class _Process:
    """All that runs in one predictor, bound to its ports and not yet started."""

    settings: Settings
    service: Service
    listener: socket.socket
    http: _Uvicorn
    rpc: Any
    """The gRPC server."""


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then drain.

    Raises:
        PlatformError: a port is taken.
        ArtifactError: the bundle cannot be loaded.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await _run(_build(settings), stop)


def _build(settings: Settings) -> _Process:
    """Bind the ports and wire the three protocols to one service.

    Raises:
        PlatformError: a port is taken.
    """
    # First, since the imports below take seconds, and a taken port is known at once.
    listener = _bind(settings.host, settings.http_port)
    service = Service(settings.model_name, settings.model_version, settings.runtime)
    with uncollected(), light_imports(pandas=runtime_of(settings.runtime).needs_pandas):
        from components.predictor.kserve import grpc, rest, served_model

    dataplane, extension = served_model.register(service)
    http = _Uvicorn(
        uvicorn.Config(
            Middleware(service, rest.create(dataplane, extension), settings.max_body),
            http=functools.partial(  # type: ignore[arg-type]  # any factory will do
                FastHttpProtocol,
                fast_path=FastPath(service),
                max_body=settings.max_body,
                receive_timeout=settings.receive_timeout,
            ),
            proxy_headers=False,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_keep_alive=65,
            timeout_graceful_shutdown=int(settings.grace),
        )
    )
    rpc = grpc.create(
        dataplane,
        extension,
        service,
        host=settings.host,
        port=settings.grpc_port,
        max_message=settings.max_body,
    )
    return _Process(settings, service, listener, http, rpc)


async def _run(process: _Process, stop: asyncio.Event) -> None:
    """Listen, load, serve until ``stop`` is set, drain.

    Raises:
        ArtifactError: the bundle cannot be loaded.
    """
    with room_for(process.settings.bundle) as room:
        await _serve_from(process, room, stop)


async def _serve_from(process: _Process, room: Path, stop: asyncio.Event) -> None:
    """The same, with the model's files copied into ``room``.

    Raises:
        ArtifactError: the bundle cannot be loaded.
        PlatformError: it cannot be copied.
    """
    settings, service = process.settings, process.service
    loading = asyncio.create_task(_load_from(settings, service, room))
    stopping = asyncio.create_task(stop.wait())
    try:
        if not settings.listen_when_ready or await _loaded(loading, stopping):
            await _answer(process, loading, stopping)
    finally:
        loading.cancel()
        stopping.cancel()


async def _loaded(loading: Task[None], *others: Task[Any]) -> bool:
    """Wait for the model, or for whatever comes before; whether it is loaded.

    Raises:
        ArtifactError: it cannot be loaded.
        PlatformError: it cannot be copied.
    """
    await asyncio.wait({loading, *others}, return_when=asyncio.FIRST_COMPLETED)
    if loading.done():
        loading.result()
    return loading.done()


async def _answer(process: _Process, loading: Task[None], stopping: Task[Any]) -> None:
    """Listen until it is to stop, then drain.

    Raises:
        ArtifactError: the model cannot be loaded.
        PlatformError: it cannot be copied.
    """
    settings, service, http, rpc = process.settings, process.service, process.http, process.rpc
    await rpc.start()
    serving = asyncio.create_task(http.serve(sockets=[process.listener]))
    try:
        if await _loaded(loading, serving, stopping):
            log.info("ready: %s version %s", settings.model_name, settings.model_version)
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            await _stay(settings, service)
            await _drain(settings, service, rpc)
    finally:
        http.should_exit = True
        await serving
        await rpc.stop(grace=None)


async def _stay(settings: Settings, service: Service) -> None:
    """Serve on while somebody asks, as long as it may take until another predictor is there.

    A gateway sends nobody to one that is to end, but where there is no other.
    """
    end = time.monotonic() + settings.stay
    while (left := min(end, service.metrics.asked + _QUIET_S) - time.monotonic()) > 0:
        await asyncio.sleep(left)


async def _drain(settings: Settings, service: Service, rpc: Any) -> None:
    """Let clients leave, then finish what was accepted.

    For ``leave`` seconds new requests are still answered, each with ``connection: close``, while
    readiness is 503: a client that was about to send on a kept connection is not cut off.
    """
    service.draining = True
    log.info("draining")
    await asyncio.sleep(settings.leave)
    await rpc.stop(grace=settings.grace)


async def _load_from(settings: Settings, service: Service, room: Path) -> None:
    # No model's byte code is used twice: each process has its own copy of the model's files. That
    # of this program is, so this is not said before it was imported.
    sys.dont_write_bytecode = True
    bundle = await asyncio.to_thread(fill, room, settings.bundle)
    await open_service(replace(settings, bundle=bundle), service)


async def open_service(settings: Settings, service: Service) -> Engine:
    """Load and calibrate the model, then open the service."""
    model = await asyncio.to_thread(
        open_model, settings.bundle, settings.runtime, settings.allow_pickle
    )
    plan = await asyncio.to_thread(calibrate, model, settings.execution)
    log.info("calibration: %s", plan)
    limits = Limits(
        settings.queue_requests,
        settings.queue_tokens,
        plan.batch_rows,
        plan.batch_tokens,
        equal_sizes=plan.batching == "equal-length",
    )
    scheduler = Scheduler(limits, plan.executors)
    engine = Engine(scheduler, model.run, settings.deadline, service.metrics)
    keep()
    service.open(model, engine, plan.figures)
    return engine


def _bind(host: str, port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise PlatformError(
            f"cannot listen on {host}:{port}: {error.strerror}: choose another port"
        ) from error
    return listener
