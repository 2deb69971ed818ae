"""`sluice register`: a model of one's own, so that it can be released."""

import json

import click

from components.printing import printable, say


@click.command()
@click.argument("source", metavar="MODEL_DIR")
@click.option("--model", required=True, help="Name of the registered model; made if there is none.")
@click.option(
    "--allow-pickle", is_flag=True, help="Try the model even if opening it runs code of its own."
)
@click.option("--json", "as_json", is_flag=True, help="Print the version as one JSON object.")
def command(source: str, model: str, allow_pickle: bool, as_json: bool) -> None:
    """Register the MLflow model in MODEL_DIR, with checksums, as a new version of a model.

    MODEL_DIR is what mlflow.<flavor>.save_model wrote, or the address of a model that is logged
    here already: models:/NAME/VERSION, models:/NAME@ALIAS, or runs:/RUN/model.

    The model is opened and asked its own example, in a process of its own. One that runs code of
    its own (a pickle, a Python model) is registered without that, unless you say --allow-pickle.

    Example: sluice register ./my-model --model churn
    """
    from components.platform import connect
    from components.registry import register

    server = register.client(connect().registry.url)
    own = register.register_own(server, source, model, allow_pickle)
    if as_json:
        say(
            json.dumps(
                {
                    "model": model,
                    "version": own.version,
                    "needs_pickle": bool(own.refused),
                    "notes": own.notes,
                }
            )
        )
        return
    say(f"{model} {own.version}: registered; 'sluice release' takes --version {own.version}")
    for note in (own.refused, *own.notes):
        if note:
            say(f"note: {printable(note)}", err=True)
