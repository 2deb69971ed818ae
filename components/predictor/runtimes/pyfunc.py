"""`runtime: mlflow`: any MLflow pyfunc model, as MLflow's own server would serve it.

Rows share a call only where it was shown, with rows that differ, that no answer depends on its
neighbours. Else a request's rows go to the model together, and nobody else's with them.
"""

import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar, Self

from components.bundle import formats, manifest, mlmodel
from components.dataset import Dataset
from components.errors import ArtifactError, InputError
from components.load.mix import row_bodies
from components.predictor.garbage import uncollected
from components.predictor.model import ModelFailure, Row, Spec, Tensor
from components.predictor.runtimes.contract.compare import Signature
from components.predictor.runtimes.contract.examples import Example
from components.predictor.runtimes.contract.form import Form
from components.predictor.runtimes.contract.gaps import learn_gaps
from components.predictor.runtimes.contract.outputs import Outputs
from components.predictor.runtimes.contract.plain import Whole, difference, joined, plain, split
from components.predictor.runtimes.signature import Parameters, read_form, read_saved_example

log = logging.getLogger("sluice.predictor")

_TOLERANCE = 1e-5
"""Relative beyond 1; an answer that changes by more depends on its neighbours."""
_SAMPLES = 8
_PROOF_SECONDS = 10.0
"""What is not shown by then is taken for not so."""
_LARGE_BATCH = 64


@dataclass(frozen=True)
class Asked:
    """A row with the parameters of its request."""

    row: Any
    params: Mapping[str, Any]


class Pyfunc:
    """One loaded model; see `components.predictor.runtimes.contract.form` for its rows."""

    name: ClassVar[str] = "mlflow"
    needs_pandas: ClassVar[bool] = True
    threaded = False

    def __init__(self, model: Any, form: Form, folder: Path) -> None:
        self._model = model
        self._form = form
        self._params = Parameters(model.metadata.get_params_schema())
        self.example: Example | None = None
        self.fault = ""
        """Why the model's own example cannot be asked; empty if it can, or there is none."""
        self.whole = True
        """A request's rows go to the model together."""
        self._samples: list[Any] = []
        answers = self._warm(folder)
        signature = model.metadata.signature
        self._outputs = Outputs(signature.outputs if signature else None, answers)
        self.inputs = form.inputs
        self.outputs: tuple[Spec, ...] = self._outputs.specs
        self.default_outputs = len(self.outputs)
        self.signature = Signature(form, self.outputs, self._params.described)

    @classmethod
    def load(cls, folder: Path, allow_pickle: bool = False) -> Self:
        """The model in ``folder``, after some predictions on its input example.

        Raises:
            ArtifactError: it cannot be loaded, names a path outside of ``folder``, would run code
                and ``allow_pickle`` is false, or fails on its own example.
        """
        description = mlmodel.read(folder)
        names = [name for name, _ in manifest.files(folder)]
        mlmodel.refuse_outside(folder, description, names)
        # MLflow's own switch refuses skops as well, whose types are checked here.
        unpickles = allow_pickle or formats.refuse_code(folder, description).kind == "skops"
        os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "true" if unpickles else "false"
        # As MLflow's server does: a type hint then takes dates and bytes as JSON has them.
        os.environ["_MLFLOW_IS_IN_SERVING_ENVIRONMENT"] = "true"
        with uncollected():
            import mlflow.pyfunc

        try:
            # Without warnings: for them it follows the files that requirements.txt includes.
            model = mlflow.pyfunc.load_model(str(folder), suppress_warnings=True)
        except Exception as error:  # a flavour may raise anything
            said = " ".join(str(error).split())[:500] or type(error).__name__
            raise ArtifactError(f"{folder}: MLflow cannot load it: {said}") from error
        return cls(model, read_form(folder, model), folder)

    @staticmethod
    def bodies(
        data: Dataset, long_share: float, seed: int, datatypes: Mapping[str, str]
    ) -> Iterator[bytes]:
        """Requests of one row each; no row of a table is longer than another."""
        return row_bodies(data.rows, seed, datatypes)

    def instance(self, row: Mapping[str, str]) -> Any:
        """The cells that the model takes; others are ignored."""
        return self._form.instance(row)

    def from_instances(self, instances: Sequence[Any]) -> list[Any]:
        """V1: records, lists, or lists within lists, as the signature says."""
        return self._form.from_instances(instances)

    def from_tensors(self, tensors: Sequence[Tensor]) -> list[Any]:
        """V2: a tensor for each column or input of the signature."""
        return self._form.from_tensors(tensors)

    def with_params(self, raw: Sequence[Any], params: Mapping[str, Any]) -> list[Any]:
        """Rows that carry the parameters of their request."""
        read = self._params.read(params)
        return [Asked(row, read) for row in raw] if read else list(raw)

    def is_heavy(self, raw: Sequence[Any]) -> bool:
        """Never: rows are taken as they are."""
        return False

    def prepare(self, raw: Sequence[Any]) -> list[Row]:
        """Rows as they are, each of size 1; or all of them as one, if they belong together."""
        if not raw:
            return []
        rows, params = _taken(raw)
        if self.whole:
            # An object is like no other, so no request shares a call with another.
            return [Row((self._form.even(rows), params), len(rows), object())]
        given = self._params.group(params)
        groups = map(self._form.group, rows)
        return [
            Row((row, params), 1, group if given is None else (group, given))
            for row, group in zip(rows, groups, strict=True)
        ]

    def run(self, rows: Sequence[Row], alone: bool) -> list[Any]:
        """One prediction over rows of one group; or over each request by itself."""
        if self.whole:
            return [Whole(self._ask(*row.payload)) for row in rows]
        params = rows[0].payload[1]
        return split(self._ask([row.payload[0] for row in rows], params), len(rows))

    def to_predictions(self, answers: Sequence[Any]) -> Any:
        """What the model answered, in its own form: a value or record a row, or a dict of lists."""
        return joined(answers)

    def to_tensors(self, answers: Sequence[Any], wanted: Sequence[str]) -> list[Tensor]:
        """One tensor for each output."""
        return self._outputs.tensors(joined(answers), wanted)

    def predict(self, rows: Sequence[Any]) -> Any:
        """V1 instances in, predictions out, in one call where that changes no answer."""
        prepared = self.prepare(self.from_instances(rows))
        try:
            return self.to_predictions(
                self.run(prepared, alone=True)
                if len({row.group for row in prepared}) == 1
                else [answer for row in prepared for answer in self.run([row], alone=True)]
            )
        except Exception as error:
            raise ModelFailure.of(error) from error

    def samples(self) -> list[Any]:
        """Rows that differ, of one group; none where the model was saved without an example."""
        if self.whole:
            return self._samples
        return (self._samples * _SAMPLES)[: max(_SAMPLES, len(self._samples))]

    def use_threads(self, shared: int, alone: int) -> None:
        """Nothing: how many threads a prediction takes is the model's own business."""

    def difference(self, one: Any, other: Any) -> float:
        """The largest difference of a number in two predictions, relative to it beyond 1."""
        return difference(one, other)

    def _ask(self, rows: Sequence[Any], params: Mapping[str, Any]) -> Any:
        """The model's plain answer to rows that were made even."""
        data = self._form.together_as(rows)
        given = {"params": dict(params)} if params else {}
        return plain(self._model.predict(data, **given))

    def _warm(self, folder: Path) -> list[Any]:
        """Ask the model its own example, and how far its rows depend on each other.

        Returns:
            Plain answers, from which the outputs are learnt; none where nothing could be asked.

        Raises:
            ArtifactError: the model fails on its own example.
        """
        try:
            self.example = read_saved_example(folder, self._model, self._form)
            if self.example and self.example.instances:
                rows = self._form.from_instances(self.example.instances)
                params = self._params.read(self.example.params)
                rows = self._form.even(rows)
                return self._warm_with(rows, params)
        except (InputError, ValueError, KeyError, TypeError, AttributeError) as error:
            if isinstance(error, ArtifactError):
                raise
            self.fault = f"the model's input example is not what its signature says: {error}"
            log.warning("%s", self.fault)
        return self._warm_without()

    def _warm_with(self, rows: list[Any], params: Mapping[str, Any]) -> list[Any]:
        try:
            answer = self._ask(rows, params)
        except Exception as error:
            raise ArtifactError(
                f"the model cannot predict its own input example: {' '.join(str(error).split())}"
            ) from error
        self._samples = rows
        learn_gaps(self._form, rows[0], lambda row: self._ask([row], params))
        return [answer, *self._prove_independence(rows, params)]

    def _warm_without(self) -> list[Any]:
        """A row that is made up; what the model says to it is no fault of its own."""
        row = self._form.neutral()
        try:
            answer = self._ask(self._form.even([row]), {})
        except Exception as error:  # noqa: BLE001 (a model may raise anything)
            log.warning(
                "the model was saved without input_example=, and cannot predict a row that was "
                "made up: %s; a request's rows go to it together",
                error,
            )
            return []
        self._samples = [row]
        learn_gaps(self._form, row, lambda changed: self._ask([changed], {}))
        return [answer, *self._prove_independence([row], {})]

    def _prove_independence(self, rows: list[Any], params: Mapping[str, Any]) -> list[Any]:
        """Find out whether rows that differ get together the answers that they get alone.

        Sets `whole` and the samples. Returns the answers to the samples.
        """
        until = time.monotonic() + _PROOF_SECONDS
        if self._form.together:
            return []
        alone = self._alone(rows, params, until)
        if len(alone) < 2:
            return []
        samples = [row for row, _ in alone]
        shown = [joined([answer]) for _, answer in alone]
        if not self._form.vary(samples):
            return shown
        tried = [*alone, *self._kin(samples, params, until)]
        large = (tried * _LARGE_BATCH)[: max(_LARGE_BATCH, len(tried))]
        first, last = alone[0], alone[-1]
        for trial in (tried, tried[::-1], [first, last], [*tried[1:], first, first], large):
            if time.monotonic() > until or not self._same(trial, params):
                return shown
        self.whole = False
        self._samples = samples
        return shown

    def _alone(
        self, rows: list[Any], params: Mapping[str, Any], until: float
    ) -> list[tuple[Any, Any]]:
        """Rows that differ and are of one group, each with its answer when it is asked alone.

        Fewer than two when that cannot be had: the rows of the example must all be answered, those
        that are made of them need not.
        """
        group = self._form.group(rows[0])
        found: list[tuple[Any, Any]] = []
        seen: set[str] = set()
        own = [row for row in rows if self._form.group(row) == group][:_SAMPLES]
        made = [self._form.unlike(row, turn) for turn in range(1, 7) for row in own[:2]]
        for number, row in enumerate([*own, *made]):
            if len(found) == _SAMPLES or (text := _spelled(row)) in seen:
                continue
            seen.add(text)
            if time.monotonic() > until:
                return []
            try:
                (answer,) = split(self._ask([row], params), 1)
            except Exception:  # noqa: BLE001 (a model may raise anything)
                if number < len(own):
                    return []
                continue
            found.append((row, answer))
        return found

    def _kin(
        self, samples: list[Any], params: Mapping[str, Any], until: float
    ) -> Iterator[tuple[Any, Any]]:
        """Rows that share some parts with a sample, or lack some, with their answers alone.

        What is filled in from neighbours, or told by rows of one group, changes in their company.
        """
        one, other, *_ = samples
        made = [self._form.crossed(one, other)]
        if (gaps := self._form.with_gaps(one)) is not None:
            made += [iter([gaps]), self._form.crossed(one, gaps)]
        for row in chain.from_iterable(made):
            if time.monotonic() > until:
                return
            try:
                (answer,) = split(self._ask([row], params), 1)
            except Exception:  # noqa: BLE001, S112 (a model may raise anything, on a row made up)
                continue
            yield row, answer

    def _same(self, trial: Sequence[tuple[Any, Any]], params: Mapping[str, Any]) -> bool:
        """Rows get together the answers that they got alone."""
        try:
            got = split(self._ask([row for row, _ in trial], params), len(trial))
        except Exception:  # noqa: BLE001 (a model may raise anything)
            return False
        return all(
            type(alone) is type(answer) and difference(alone, answer) <= _TOLERANCE
            for (_, alone), answer in zip(trial, got, strict=True)
        )


def _taken(raw: Sequence[Any]) -> tuple[Sequence[Any], Mapping[str, Any]]:
    """The rows of a request, and its parameters."""
    if not isinstance(raw[0], Asked):
        return raw, {}
    return [asked.row for asked in raw], raw[0].params


def _spelled(row: Any) -> str:
    """Equal for rows that do not differ."""
    if isinstance(row, dict):
        return repr({n: v.tolist() if hasattr(v, "tolist") else v for n, v in row.items()})
    return repr(row)
