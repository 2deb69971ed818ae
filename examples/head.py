"""A linear head on frozen embeddings: multinomial logistic regression."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[np.float32]

INVERSE_REGULARISATION = 20.0


@dataclass(frozen=True)
class Head:
    """Logits are ``embedding @ weight + bias``; classes in the order of ``labels``."""

    labels: tuple[str, ...]
    weight: "Array"
    """[384, classes]"""
    bias: "Array"
    """[classes]"""


def fit(embeddings: "Array", targets: Sequence[str]) -> Head:
    """Fit a head to ``embeddings`` [rows, 384] and their labels."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    model = LogisticRegression(C=INVERSE_REGULARISATION, max_iter=300, tol=1e-4)
    # Threads of the linear algebra spin while they wait: on a busy machine one alone is faster.
    with threadpool_limits(1):
        model.fit(embeddings, targets)
    return Head(
        labels=tuple(str(label) for label in model.classes_),
        weight=model.coef_.T.astype(np.float32),
        bias=model.intercept_.astype(np.float32),
    )


def predict(head: Head, embeddings: "Array") -> list[str]:
    """The most probable label of each row of ``embeddings`` [rows, 384]."""
    best = (embeddings @ head.weight + head.bias).argmax(axis=1)
    return [head.labels[index] for index in best]
