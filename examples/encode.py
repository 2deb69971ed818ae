"""Texts to token ids to embeddings, in process, for training and export."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from examples.minilm import WIDTH

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from tokenizers import Tokenizer

    Array = npt.NDArray[np.float32]

_BATCH_TOKENS = 256


def open_tokenizer(text: str, max_tokens: int) -> "Tokenizer":
    """The tokenizer in the JSON ``text``, truncating at ``max_tokens``, without padding."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(text)
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    return tokenizer


def tokenize(tokenizer: "Tokenizer", texts: Sequence[str]) -> list[list[int]]:
    """Token ids of each text."""
    return [encoding.ids for encoding in tokenizer.encode_batch(list(texts))]


class Encoder:
    """A session of an encoder graph with one thread a run; runs may go side by side."""

    def __init__(self, graph: bytes) -> None:
        import onnxruntime

        options: Any = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(graph, options, ["CPUExecutionProvider"])

    def run(self, rows: Sequence[Sequence[int]]) -> "Array":
        """Embeddings [rows, 384] of token ids that all have the same length."""
        import numpy as np

        ids = np.array(rows, dtype=np.int64)
        feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        embeddings: Array = self._session.run(["embedding"], feeds)[0]
        return embeddings

    def embed(self, rows: Sequence[Sequence[int]], *, threads: int, alone: bool) -> "Array":
        """Embeddings [rows, 384] of token ids of any length.

        Args:
            rows: token ids of each text.
            threads: runs side by side.
            alone: one row a run, as it is served; else rows of equal length together, which needs
                no padding and is faster, but lets a dynamically quantised graph choose one scale
                for all of them.
        """
        import numpy as np

        by_length: dict[int, list[int]] = {}
        for index, row in enumerate(rows):
            by_length.setdefault(len(row), []).append(index)
        batches = []
        for length, indices in sorted(by_length.items(), reverse=True):
            size = 1 if alone else max(1, _BATCH_TOKENS // length)
            batches += [indices[k : k + size] for k in range(0, len(indices), size)]
        result = np.empty((len(rows), WIDTH), dtype=np.float32)

        def fill(indices: list[int]) -> None:
            result[indices] = self.run([rows[index] for index in indices])

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(fill, batches))
        return result
