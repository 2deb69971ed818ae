"""One model behind one queue, for whichever protocol asks."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

from components.errors import SluiceError
from components.predictor.metrics import Metrics
from components.predictor.model import Model, ModelFailure, Tensor, wanted_outputs
from components.predictor.scheduling.engine import Engine
from components.predictor.scheduling.refusals import NotFound, NotReady
from components.predictor.scheduling.scheduler import Ticket

_NONE: Mapping[str, Any] = MappingProxyType({})


class Service:
    """Name, version, metrics, and once `open` was called the model and its engine."""

    def __init__(self, name: str, version: str, runtime: str = "") -> None:
        self.name = name
        self.version = version
        self.runtime = runtime
        """What runs the model, as an endpoint's file calls it."""
        self.metrics = Metrics(name, version)
        self.draining = False
        self._model: Model | None = None
        self._engine: Engine | None = None

    @property
    def ready(self) -> bool:
        """The model is loaded and warm."""
        return self._engine is not None

    @property
    def model(self) -> Model:
        """The model.

        Raises:
            NotReady: it is not loaded yet.
        """
        if self._model is None:
            raise NotReady(f"model {self.name} is not ready: it is loading")
        return self._model

    def check_version(self, version: str) -> None:
        """Refuse a request that names a version other than this one; an empty name is any.

        Raises:
            NotFound: it does.
        """
        if version not in ("", self.version):
            raise NotFound(
                f"model {self.name} has no version {version!r} here: this is version {self.version}"
            )

    def open(self, model: Model, engine: Engine, calibration: Mapping[str, float]) -> None:
        """Begin to answer."""
        self._model, self._engine = model, engine
        self.metrics.watch(engine.scheduler, calibration)

    def check_room(self) -> None:
        """Refuse a request before anything is spent on it.

        Raises:
            Overloaded: the queue is full.
        """
        if self._engine is not None:
            self._engine.check_room()

    def begin(self, raw: Sequence[Any], done: Callable[[Ticket], None]) -> Ticket | None:
        """Run raw rows and call ``done`` when their request has ended; see `Engine.start`.

        Returns None, and does nothing, when preparing them would block the event loop.

        Raises:
            SluiceError: see `http.errors` for how each is answered.
        """
        if self._engine is None or self.model.is_heavy(raw):
            return None
        began = time.monotonic()
        rows = self.model.prepare(raw)
        self.metrics.prepared(time.monotonic() - began)
        return self._engine.start(rows, done)

    def cancel(self, ticket: Ticket) -> None:
        """The client of a request went away."""
        if self._engine is not None:
            self._engine.cancel(ticket)

    async def predict(self, instances: Sequence[Any], params: Mapping[str, Any] = _NONE) -> Any:
        """V1: instances in, predictions out; ``params`` are the model's inference parameters.

        Raises:
            SluiceError: see `http.errors` for how each is answered.
        """
        model = self.model
        raw = model.with_params(model.from_instances(instances), params)
        answers = await self.answers(raw)
        with _as_failure():
            return model.to_predictions(answers)

    async def infer(
        self,
        inputs: Sequence[Tensor],
        outputs: Sequence[str] | None,
        params: Mapping[str, Any] = _NONE,
    ) -> list[Tensor]:
        """V2: tensors in, the wanted tensors (by default the model's usual ones) out.

        Raises:
            SluiceError: see `http.errors` for how each is answered.
        """
        model = self.model
        wanted = wanted_outputs(model, outputs)
        raw = model.with_params(model.from_tensors(inputs), params)
        answers = await self.answers(raw)
        with _as_failure():
            return model.to_tensors(answers, wanted)

    async def answers(self, raw: Sequence[Any]) -> list[Any]:
        """The model's answers to raw rows.

        Raises:
            SluiceError: see `http.errors` for how each is answered.
        """
        model, engine = self.model, self._engine
        if engine is None:
            raise NotReady(f"model {self.name} is not ready: it is loading")
        began = time.monotonic()
        if model.is_heavy(raw):
            rows = await asyncio.to_thread(model.prepare, raw)
        else:
            rows = model.prepare(raw)
        self.metrics.prepared(time.monotonic() - began)
        with _as_failure():
            return await engine.submit(rows)


@contextmanager
def _as_failure() -> Iterator[None]:
    """What is not an error of ours is the model's."""
    try:
        yield
    except SluiceError:
        raise
    except Exception as error:
        raise ModelFailure.of(error) from error
