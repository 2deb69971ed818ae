"""`runtime: text-classifier`: a tokenizer and an ONNX graph with mean pooling and head inside."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from components.bundle import FileName, read_metadata
from components.dataset import Dataset
from components.errors import ArtifactError, InputError
from components.load.mix import text_bodies
from components.models import Strict
from components.predictor.model import ModelFailure, Row, Spec, Tensor
from components.predictor.runtimes.contract.compare import Signature
from components.predictor.runtimes.contract.examples import Example
from components.predictor.runtimes.rows import require

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

    Array = npt.NDArray[np.int64]

_LIGHT_CHARACTERS = 4096
_LENGTHS = (1, 5, 8, 8, 10, 10, 12, 12, 12, 16, 16, 24)
"""Words of the texts that calibration uses, as short messages have them."""


class TextBundle(Strict):
    """What `bundle.json` of a text classifier says about the files beside it."""

    schema_version: Literal[1] = Field(1, alias="schema")
    runtime: Literal["text-classifier"]
    graph: FileName = "model.onnx"
    """ONNX: int64 ``input_ids`` and ``attention_mask`` [batch, tokens] to float32
    ``probabilities`` [batch, classes]."""
    tokenizer: FileName = "tokenizer.json"
    labels: tuple[str, ...] = Field(min_length=2, max_length=10_000)
    max_tokens: int = Field(128, ge=2, le=8192)
    pad_to: int | None = Field(None, ge=1)
    """Pad each text to this many tokens; None pads to the longest of the batch."""
    overlong: Literal["truncate", "raise"] = "truncate"
    """What happens to a text of more than ``max_tokens`` tokens."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("a label appears twice")
        if self.pad_to is not None and self.pad_to > self.max_tokens:
            raise ValueError("pad_to is larger than max_tokens")
        return self

    @classmethod
    def read(cls, folder: Path) -> Self:
        """What `bundle.json` in ``folder`` says; see `components.bundle.read_metadata`."""
        hint = "a text classifier needs it; any other MLflow model is served by runtime: mlflow"
        return read_metadata(folder, cls, hint)


@dataclass(frozen=True, slots=True)
class Answer:
    """The most probable class of one text."""

    label: str
    probability: float
    probabilities: Any
    """float32 [classes]."""


class TextClassifier:
    """One loaded bundle; `run` may be called from several threads at once.

    A session of one thread runs in the calling thread, so executors share it; that also saves the
    memory of a second copy of the weights.
    """

    name: ClassVar[str] = "text-classifier"
    needs_pandas: ClassVar[bool] = False
    inputs: tuple[Spec, ...] = (Spec("text", "BYTES", (-1,)),)
    default_outputs = 2
    threaded = True
    example: Example | None = None

    def __init__(self, bundle: TextBundle, graph: Path, tokenizer: "Tokenizer") -> None:
        self.bundle = bundle
        self.outputs: tuple[Spec, ...] = (
            Spec("label", "BYTES", (-1,)),
            Spec("probability", "FP32", (-1,)),
            Spec("probabilities", "FP32", (-1, len(bundle.labels))),
        )
        longest = bundle.max_tokens if bundle.overlong == "raise" else None
        self.signature = Signature(None, self.outputs, longest=longest)
        self._graph = graph
        self._tokenizer = tokenizer
        self._sessions = {1: _session(graph, 1)}
        self._shared = self._alone = self._sessions[1]

    @classmethod
    def load(cls, folder: Path, allow_pickle: bool = False) -> Self:
        """The bundle in ``folder``; there is never a pickle to allow.

        Raises:
            ArtifactError: a file is missing, not readable, or does not fit the others.
        """
        # The tokenizer's own threads would fight the executors for the cores.
        os.environ["TOKENIZERS_PARALLELISM"] = "false"
        from tokenizers import Tokenizer

        bundle = TextBundle.read(folder)
        path = folder / bundle.tokenizer
        try:
            tokenizer = Tokenizer.from_str(path.read_text(encoding="utf-8"))
        except Exception as error:  # tokenizers raises bare Exception
            raise ArtifactError(f"{path}: not a tokenizer: {_line(error)}") from error
        tokenizer.no_padding()
        tokenizer.no_truncation()
        if bundle.overlong == "truncate":
            tokenizer.enable_truncation(bundle.max_tokens)
        classifier = cls(bundle, folder / bundle.graph, tokenizer)
        classifier._check()
        return classifier

    @staticmethod
    def bodies(
        data: Dataset, long_share: float, seed: int, datatypes: Mapping[str, str]
    ) -> Iterator[bytes]:
        """Requests of one text each; long ones are several texts strung together."""
        return text_bodies(data.texts(), long_share, seed)

    def from_instances(self, instances: Sequence[Any]) -> list[Any]:
        """Texts as they are."""
        for number, text in enumerate(instances):
            if not isinstance(text, str):
                raise InputError(f"instance {number} is no string: send texts")
        return list(instances)

    def from_tensors(self, tensors: Sequence[Tensor]) -> list[Any]:
        """The texts in the tensor ``text`` of shape [n] or [n, 1]."""
        if len(tensors) != 1 or tensors[0].name != "text":
            names = ", ".join(repr(tensor.name) for tensor in tensors) or "none"
            raise InputError(f"the model takes one input called 'text', not {names}")
        tensor = tensors[0]
        if tensor.datatype != "BYTES":
            raise InputError(f"input 'text' has datatype {tensor.datatype}: send BYTES")
        texts = tensor.data if isinstance(tensor.data, list) else tensor.data.ravel().tolist()
        if texts and isinstance(texts[0], list):
            texts = [text for row in texts for text in (row if isinstance(row, list) else [row])]
        shape = tensor.shape
        if not shape or shape[0] != len(texts) or shape[1:] not in ([], [1]):
            raise InputError(
                f"input 'text' has shape {shape} and {len(texts)} values: send shape [{len(texts)}]"
            )
        return [_text(text, number) for number, text in enumerate(texts)]

    def instance(self, row: Mapping[str, str]) -> str:
        """The text of a row."""
        require(row, ["text"])
        return row["text"]

    def with_params(self, raw: Sequence[Any], params: Mapping[str, Any]) -> list[Any]:
        """Nothing is to be set."""
        if params:
            raise InputError(f"unknown parameter {min(params)!r}: the model takes no parameters")
        return list(raw)

    def is_heavy(self, raw: Sequence[Any]) -> bool:
        """True for more text than a tokenizer reads in about a millisecond."""
        return sum(map(len, raw)) > _LIGHT_CHARACTERS

    def prepare(self, raw: Sequence[Any]) -> list[Row]:
        """Texts as token ids; a row's size is its length as it enters the graph."""
        try:
            # Unlike `encode`, it spares what is not asked for: each token's place in the text.
            encoded = self._tokenizer.encode_batch_fast(list(raw))
        except (TypeError, UnicodeEncodeError) as error:
            raise InputError("a text is no valid Unicode: it holds a lone surrogate") from error
        rows = []
        for encoding in encoded:
            ids = encoding.ids
            if len(ids) > self.bundle.max_tokens:
                raise ModelFailure(
                    f"a text has {len(ids)} tokens: the model takes {self.bundle.max_tokens}"
                )
            rows.append(Row(ids, max(len(ids), self.bundle.pad_to or 1)))
        return rows

    def run(self, rows: Sequence[Row], alone: bool) -> list[Any]:
        """One run of the graph over ``rows``, padded to the longest."""
        session = self._alone if alone else self._shared
        ids, mask = _pad(rows)
        probabilities = session.run(["probabilities"], {"input_ids": ids, "attention_mask": mask})[
            0
        ]
        best = probabilities.argmax(axis=1)
        labels = self.bundle.labels
        return [
            Answer(labels[index], row.item(index), row)
            for index, row in zip(best.tolist(), probabilities, strict=True)
        ]

    def to_predictions(self, answers: Sequence[Any]) -> list[Any]:
        """``{"label", "probability"}`` for each text."""
        return [{"label": a.label, "probability": a.probability} for a in answers]

    def to_tensors(self, answers: Sequence[Any], wanted: Sequence[str]) -> list[Tensor]:
        """``label`` [n], ``probability`` [n], ``probabilities`` [n, classes]."""
        count = len(answers)
        return [
            Tensor(name, "BYTES", [count], [a.label for a in answers])
            if name == "label"
            else Tensor(name, "FP32", [count], [a.probability for a in answers])
            if name == "probability"
            else Tensor(
                name,
                "FP32",
                [count, len(self.bundle.labels)],
                [p for a in answers for p in a.probabilities.tolist()],
            )
            for name in wanted
        ]

    def predict(self, rows: Sequence[Any]) -> list[Any]:
        """``{"label", "probability"}`` for each text, each run by itself."""
        prepared = self.prepare(self.from_instances(rows))
        return self.to_predictions([self._one(row) for row in prepared])

    def samples(self) -> list[Any]:
        """Texts of words from all over the vocabulary, of usual lengths and of the longest."""
        vocabulary = sorted(self._tokenizer.get_vocab().items(), key=lambda item: item[1])
        words = [word for word, _ in vocabulary if word.isalnum()] or [""]
        words = words[:: max(1, len(words) // 97)]
        longest = self.bundle.max_tokens - self._tokenizer.num_special_tokens_to_add(False)
        lengths = [min(length, longest) for length in _LENGTHS] + [longest]
        repeated = words * (2 + longest // len(words))
        texts = [
            " ".join(repeated[7 * turn % len(words) :][:length])
            for turn, length in enumerate(lengths)
        ]
        limit = self.bundle.max_tokens
        return [text for text in texts if len(self._tokenizer.encode(text).ids) <= limit] or [""]

    def use_threads(self, shared: int, alone: int) -> None:
        """Open the sessions of so many threads, and close others."""
        for threads in {shared, alone} - set(self._sessions):
            self._sessions[threads] = _session(self._graph, threads)
        self._sessions = {threads: self._sessions[threads] for threads in {shared, alone}}
        self._shared, self._alone = self._sessions[shared], self._sessions[alone]

    def difference(self, one: Any, other: Any) -> float:
        """The largest difference of a probability."""
        return float(abs(one.probabilities - other.probabilities).max())

    def _one(self, row: Row) -> Any:
        try:
            return self.run([row], alone=True)[0]
        except Exception as error:
            raise ModelFailure.of(error) from error

    def _check(self) -> None:
        """Refuse a graph whose inputs and outputs are not those of the contract."""
        inputs = {tensor.name for tensor in self._shared.get_inputs()}
        outputs = {tensor.name: tensor.shape for tensor in self._shared.get_outputs()}
        if inputs != {"input_ids", "attention_mask"} or "probabilities" not in outputs:
            raise ArtifactError(
                f"{self._graph}: inputs {sorted(inputs)}, outputs {sorted(outputs)}: a text "
                "classifier takes input_ids and attention_mask and gives probabilities"
            )
        classes = outputs["probabilities"][-1]
        if isinstance(classes, int) and classes != len(self.bundle.labels):
            raise ArtifactError(
                f"{self._graph}: {classes} classes, but {len(self.bundle.labels)} labels"
            )


def _session(graph: Path, threads: int) -> "InferenceSession":
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Idle threads that spin would eat the core that the other executor needs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no base class
        raise ArtifactError(f"{graph}: not a graph that can be loaded: {_line(error)}") from error


def _pad(rows: Sequence[Row]) -> tuple["Array", "Array"]:
    """Ids and mask, int64 [rows, longest]; a row of larger size than ids is padded to its size."""
    import numpy as np

    longest = max(row.size for row in rows)
    ids = np.zeros((len(rows), longest), dtype=np.int64)
    mask = np.zeros((len(rows), longest), dtype=np.int64)
    for number, row in enumerate(rows):
        length = len(row.payload)
        ids[number, :length] = row.payload
        mask[number, :length] = 1
    return ids, mask


def _text(value: object, number: int) -> str:
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise InputError(f"value {number} of input 'text' is not UTF-8") from error
    if not isinstance(value, str):
        raise InputError(f"value {number} of input 'text' is no string")
    return value


def _line(error: Exception) -> str:
    """An error of a library in one line of bounded length."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
