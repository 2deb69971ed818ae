"""`sluice register`: a model of one's own, so that it can be released."""

import json

import click


@click.command()
@click.argument("source", metavar="MODEL_DIR")
@click.option("--model", required=True, help="Name of the registered model; made if there is none.")
@click.option("--json", "as_json", is_flag=True, help="Print the version as one JSON object.")
def command(source: str, model: str, as_json: bool) -> None:
    """Register the MLflow model in MODEL_DIR, with checksums, as a new version of a model.

    MODEL_DIR is what mlflow.<flavor>.save_model wrote, or the address of a model that is logged
    here already: models:/NAME/VERSION, models:/NAME@ALIAS, or runs:/RUN/model.

    Example: sluice register ./my-model --model churn
    """
    from components.platform import connect
    from components.registry import register

    own = register.register_own(register.client(connect().registry.url), source, model)
    if as_json:
        click.echo(
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
    click.echo(f"{model} {own.version}: registered; 'sluice release' takes --version {own.version}")
    for note in (own.refused, *own.notes):
        if note:
            click.echo(f"note: {note}", err=True)
