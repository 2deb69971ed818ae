"""Plain-JSON inference from body to answer, without a task, a coroutine or a second parse.

It takes what it fully understands: a right `infer` (V2) or `predict` (V1) in plain JSON. All else,
down to a body with one wrong field, it leaves to KServe's application, which so stays the only
judge of what a wrong request is.
"""

import random
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from components.errors import InputError, SluiceError
from components.predictor.http.errors import encode_error, headers_of, status_of
from components.predictor.http.tensors import from_values
from components.predictor.model import ModelFailure, wanted_outputs
from components.predictor.scheduling.scheduler import Ticket
from components.predictor.service import Service

Reply = Callable[[int, bytes, Mapping[str, str]], None]
"""Takes the status, the JSON body and further headers."""

_Unset = msgspec.UnsetType


class _Input(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    shape: list[int]
    datatype: str
    data: list[Any]
    parameters: msgspec.Raw | _Unset = msgspec.UNSET


class _Wanted(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    parameters: msgspec.Raw | _Unset = msgspec.UNSET


class _Infer(msgspec.Struct, forbid_unknown_fields=True):
    """What the parser skips it does not check, so an unknown field is KServe's to judge."""

    inputs: list[_Input]
    id: str | None = None
    model_name: str | None = None
    outputs: list[_Wanted] | None = None
    parameters: msgspec.Raw | _Unset = msgspec.UNSET

    def is_plain(self) -> bool:
        """No parameter, which could ask for another encoding."""
        if self.parameters is not msgspec.UNSET:
            return False
        for part in self.inputs:
            if part.parameters is not msgspec.UNSET:
                return False
        return all(part.parameters is msgspec.UNSET for part in self.outputs or ())


class _Predict(msgspec.Struct, forbid_unknown_fields=True):
    instances: list[Any]


class _Output(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    parameters: None
    data: list[Any]


class _Inferred(msgspec.Struct):
    """The fields and their order are those of KServe's own answer."""

    model_name: str
    model_version: str
    id: str
    parameters: None
    outputs: list[_Output]


class _Predicted(msgspec.Struct):
    predictions: Any


_decode_infer = msgspec.json.Decoder(_Infer).decode
_decode_predict = msgspec.json.Decoder(_Predict).decode
_encode = msgspec.json.Encoder().encode


class FastPath:
    """The fast path of one service."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._begin = {
            f"/v1/models/{service.name}:predict".encode(): self._predict,
            f"/v2/models/{service.name}/infer".encode(): self._infer,
        }

    def takes(self, target: bytes) -> bool:
        """True when POST requests for ``target`` may be given to `begin`."""
        return self.service.ready and target in self._begin

    def begin(self, target: bytes, body: bytes, reply: Reply) -> Ticket | None:
        """Start to answer, and call ``reply`` once, now or later.

        Returns:
            The ticket, by which `Service.cancel` finds the request if its client goes away.

        Raises:
            LeftToKServe: nothing was done: the request is for KServe's application.
        """
        service = self.service
        began = service.metrics.began()

        def finish(status: int, answer: bytes, headers: Mapping[str, str]) -> None:
            service.metrics.finished(status, began)
            reply(status, answer, headers)

        try:
            service.check_room()
            return self._begin[target](body, finish)
        except LeftToKServe:
            service.metrics.withdrawn()
            raise
        except SluiceError as error:
            _reply_error(error, finish)
            return None

    def _infer(self, body: bytes, reply: Reply) -> Ticket:
        try:
            request = _decode_infer(body)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise LeftToKServe from None
        if not request.is_plain():
            raise LeftToKServe
        model = self.service.model
        try:
            tensors = [from_values(i.name, i.datatype, i.shape, i.data) for i in request.inputs]
            wanted = wanted_outputs(model, [output.name for output in request.outputs or ()])
            raw = model.from_tensors(tensors)
        except InputError:
            raise LeftToKServe from None

        def render(answers: list[Any]) -> bytes:
            return _encode(
                _Inferred(
                    self.service.name,
                    self.service.version,
                    request.id or f"{random.getrandbits(128):032x}",
                    None,
                    [
                        _Output(t.name, t.shape, t.datatype, None, t.data)
                        for t in model.to_tensors(answers, wanted)
                    ],
                )
            )

        return self._start(raw, render, reply)

    def _predict(self, body: bytes, reply: Reply) -> Ticket:
        try:
            request = _decode_predict(body)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise LeftToKServe from None
        model = self.service.model
        try:
            raw = model.from_instances(request.instances)
        except InputError:
            raise LeftToKServe from None

        def render(answers: list[Any]) -> bytes:
            return _encode(_Predicted(model.to_predictions(answers)))

        return self._start(raw, render, reply)

    def _start(self, raw: list[Any], render: Callable[[list[Any]], bytes], reply: Reply) -> Ticket:
        def done(ticket: Ticket) -> None:
            try:
                if ticket.error is not None:
                    raise ticket.error
                answer = render(ticket.answers)
            except SluiceError as error:
                _reply_error(error, reply)
            except Exception as error:  # noqa: BLE001 the model's own, in its run or its answer
                _reply_error(ModelFailure.of(error), reply)
            else:
                reply(200, answer, {})

        ticket = self.service.begin(raw, done)
        if ticket is None:
            raise LeftToKServe
        return ticket


class LeftToKServe(Exception):
    """The fast path did nothing with the request."""


def _reply_error(error: SluiceError, reply: Reply) -> None:
    reply(status_of(error), encode_error(str(error)), headers_of(error))
