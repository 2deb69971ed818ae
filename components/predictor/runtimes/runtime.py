"""What a runtime's class states, so that nothing else needs to know its name."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar, Protocol, Self

from components.dataset import Dataset
from components.predictor.model import Model
from components.predictor.runtimes.contract.compare import Signature
from components.predictor.runtimes.contract.examples import Example


class Runtime(Model, Protocol):
    """A kind of model: its class answers before one is loaded, its instance is the loaded model.

    A module that defines one imports its heavy libraries where it uses them: the table of runtimes
    is read by whoever reads a command line.
    """

    name: ClassVar[str]
    """What an endpoint's file calls it (``serving.runtime``)."""
    needs_pandas: ClassVar[bool]
    """Its models may expect pandas, which takes time and memory that others are spared."""
    signature: Signature
    """What the model takes and answers."""
    example: Example | None
    """The request that was saved with it."""

    @classmethod
    def load(cls, folder: Path, allow_pickle: bool = False) -> Self:
        """The model in the bundle ``folder``.

        Args:
            folder: files that were verified.
            allow_pickle: load files that run code when they are loaded.

        Raises:
            ArtifactError: a file is missing, refused, or does not fit the others.
        """

    @staticmethod
    def bodies(
        data: Dataset, long_share: float, seed: int, datatypes: Mapping[str, str]
    ) -> Iterator[bytes]:
        """Endless V2 requests of one row of ``data`` each, drawn with ``seed``.

        Args:
            data: labelled rows.
            long_share: share of requests that are much longer than a row, where that has a sense.
            seed: the same seed draws the same requests.
            datatypes: what the model says of its inputs, by name; where known, what they are sent
                in.

        Raises:
            InputError: the data set lacks a column that every model of this kind takes.
        """
