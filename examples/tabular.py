"""A tabular example: scikit-learn on the Wisconsin breast-cancer data, saved without a pickle."""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

MODEL = "tumour-diagnosis"
TARGET = "diagnosis"
SPLIT_SEED = 20
_RECIPE_SCHEMA = 1
_CARD = """# Tumour diagnosis from cell measurements

An example of a tabular model: {summary}.

| | |
|---|---|
| task | thirty measurements of a cell sample to benign or malignant |
| data | Breast Cancer Wisconsin (Diagnostic), CC-BY-4.0, Wolberg et al., 1995, as in scikit-learn |
| training rows | {trained} |
| format | skops, no pickle |
| held-out accuracy | {accuracy:.4f} on {rows} rows |

Not for medical use.
"""


@dataclass(frozen=True)
class TabularRecipe:
    """One example version: which columns it sees and what it fits."""

    name: str
    summary: str
    make: Callable[[], Any]


def _few_columns() -> Any:
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    columns = ["mean_radius", "mean_texture", "mean_smoothness"]
    return make_pipeline(
        make_column_transformer((StandardScaler(), columns)), LogisticRegression(max_iter=1000)
    )


def _all_columns() -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))


RECIPES = (
    TabularRecipe("few-columns", "logistic regression on three measurements", _few_columns),
    TabularRecipe("all-columns", "logistic regression on all thirty measurements", _all_columns),
)
"""In the order of their versions, 1 and 2."""


@dataclass(frozen=True)
class Built:
    """One fitted example version."""

    card: str
    metrics: dict[str, float]
    save: Callable[[Path, Any], None]
    """Writes the MLflow model directory; see `components.registry.register.Candidate`."""


def build(recipe: TabularRecipe, train: "pd.DataFrame", test: "pd.DataFrame") -> Built:
    """Fit ``recipe`` on ``train`` and score it on ``test``."""
    features, targets = train.drop(columns=[TARGET]), train[TARGET]
    model = recipe.make().fit(features, targets)
    accuracy = float(model.score(test.drop(columns=[TARGET]), test[TARGET]))

    def save(folder: Path, description: Any) -> None:
        import mlflow.sklearn
        from mlflow.models.signature import ModelSignature
        from mlflow.types import ColSpec, Schema

        mlflow.sklearn.save_model(
            model,
            folder,
            mlflow_model=description,
            serialization_format="skops",
            signature=ModelSignature(
                inputs=Schema([ColSpec("double", name) for name in features.columns]),
                outputs=Schema([ColSpec("string", TARGET)]),
            ),
            input_example=features.head(2),
            pip_requirements=["scikit-learn", "skops"],
        )

    metrics = {"held_out_accuracy": accuracy, "held_out_rows": float(len(test))}
    card = _CARD.format(
        summary=recipe.summary, trained=len(train), accuracy=accuracy, rows=len(test)
    )
    return Built(card, metrics, save)


def split() -> "tuple[pd.DataFrame, pd.DataFrame]":
    """Training and held-out rows, half each, stratified, with the column `TARGET`."""
    from sklearn.datasets import load_breast_cancer
    from sklearn.model_selection import train_test_split

    data = load_breast_cancer(as_frame=True)
    frame = data.data.rename(columns=lambda name: name.replace(" ", "_"))
    frame[TARGET] = [str(data.target_names[index]) for index in data.target]
    train, test = train_test_split(
        frame, test_size=0.5, random_state=SPLIT_SEED, stratify=frame[TARGET]
    )
    return train, test


def to_csv(frame: "pd.DataFrame") -> bytes:
    """The rows as CSV with a header; the same rows give the same bytes."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(frame.columns)
    writer.writerows(frame.itertuples(index=False, name=None))
    return text.getvalue().encode()


def recipe_digest(recipe: TabularRecipe, train: bytes) -> str:
    """What a registered version made by ``recipe`` from the file ``train`` is found again by."""
    import hashlib

    import sklearn

    parts = (_RECIPE_SCHEMA, recipe.name, recipe.summary, sklearn.__version__)
    return hashlib.sha256(repr(parts).encode() + train).hexdigest()
