"""The model card that stands beside a version's files."""

from collections.abc import Mapping, Sequence

from components.predictor.runtimes.text_classifier import TextBundle
from examples.quantize import ACCURACY_MARGIN, Measurement

_CARD = """# Banking77 intent classifier

{summary}.

| | |
|---|---|
| task | a customer's question to one of {classes} intents |
| encoder | sentence-transformers/all-MiniLM-L6-v2, frozen (Apache-2.0) |
| head | multinomial logistic regression |
| training data | Banking77 (CC-BY-4.0; Casanueva et al., 2020), SHA-256 `{digest}` |
| graph | {form} |
| input | at most {max_tokens} tokens; a longer text is {overlong} |
| padding | {padding} |
| held-out accuracy | {accuracy:.4f} on {rows} sentences |

## Intended use and limits
English questions to a bank. It always answers one of its intents, also for a text that has none.
Some labels of the data set are wrong (Ying and Thomas, 2022): a perfect score is not reachable.

## Forms of the graph
Measured when this version was made, rows alone, one thread, with the head of all training rows.
The fastest form within {margin:.1f} points of fp32 is chosen.

| form | accuracy | rows per CPU second | MB |
|---|---|---|---|
{table}
"""


def model_card(
    summary: str,
    bundle: TextBundle,
    *,
    form: str,
    table: Sequence[Measurement],
    metrics: Mapping[str, float],
    data_digest: str,
) -> str:
    """The card as Markdown.

    Args:
        summary: what sets this version apart, without a full stop.
        bundle: the served files' metadata.
        form: the form of the graph in this version.
        table: every measured form.
        metrics: ``held_out_accuracy`` and ``held_out_rows``.
        data_digest: SHA-256 of the training file.
    """
    lines = [
        f"| {row.form} | {row.accuracy:.4f} | {row.rows_per_cpu_second:.0f} | {row.megabytes:.0f} |"
        for row in table
    ]
    return _CARD.format(
        summary=summary[0].upper() + summary[1:],
        classes=len(bundle.labels),
        digest=data_digest,
        form=form,
        max_tokens=bundle.max_tokens,
        overlong="cut" if bundle.overlong == "truncate" else "refused",
        padding=f"to {bundle.pad_to} tokens" if bundle.pad_to else "to the longest of a batch",
        accuracy=metrics["held_out_accuracy"],
        rows=int(metrics["held_out_rows"]),
        margin=ACCURACY_MARGIN * 100,
        table="\n".join(lines),
    )
