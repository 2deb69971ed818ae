"""The graph and the tokenizer that every peer serves; each peer's own file does the rest.

Runs in the peers' environments, so it imports nothing of this project.
"""

import json
import os
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"


class Classifier:
    """A bundle folder as a function from texts to labels and probabilities."""

    def __init__(self, folder: str, threads: int = 1) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        bundle = json.loads(Path(folder, "bundle.json").read_text())
        self._labels = bundle["labels"]
        self._tokenizer = Tokenizer.from_file(str(Path(folder, bundle["tokenizer"])))
        self._tokenizer.enable_truncation(bundle["max_tokens"])
        self._tokenizer.enable_padding()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            str(Path(folder, bundle["graph"])), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, texts: list[str]) -> list[tuple[str, float]]:
        """Label and probability of each text, by one run over the padded batch."""
        import numpy as np

        encoded = self._tokenizer.encode_batch(texts)
        feed = {
            "input_ids": np.array([e.ids for e in encoded], dtype=np.int64),
            "attention_mask": np.array([e.attention_mask for e in encoded], dtype=np.int64),
        }
        probabilities = self._session.run(["probabilities"], feed)[0]
        best = probabilities.argmax(axis=1)
        return [(self._labels[i], float(p[i])) for i, p in zip(best, probabilities, strict=True)]
