"""What a registered model may be called: one rule for whoever registers, names or releases one.

It is MLflow's own rule, less the names that cannot be seen, stored or searched for.
"""

from typing import Annotated

from pydantic import AfterValidator, Field

from components.errors import InputError

MAX_LENGTH = 200
"""MLflow's database keeps 256 characters, and our runs are named by model and version."""
_FORBIDDEN = "/:'\"`\\"
"""MLflow forbids the first two; the others end a text in its search expressions."""


def _checked(name: str) -> str:
    if len(name) > MAX_LENGTH:
        raise ValueError(f"a model's name has at most {MAX_LENGTH} characters, not {len(name)}")
    if not name or name != name.strip():
        raise ValueError(f"{name!r} is no model's name: it is empty, or begins or ends with spaces")
    for character in name:
        if character in _FORBIDDEN:
            raise ValueError(f"{name!r} is no model's name: it may not contain {character}")
        if not character.isprintable():
            raise ValueError(
                f"{name!r} is no model's name: it contains {character!r}, which cannot be seen"
            )
    if name in (".", ".."):
        raise ValueError(f"{name!r} is no model's name: it means a folder")
    return name


def refuse_model_name(name: str) -> None:
    """Check that ``name`` can be a registered model's.

    Raises:
        InputError: it cannot; says why.
    """
    try:
        _checked(name)
    except ValueError as error:
        raise InputError(str(error)) from error


ModelName = Annotated[str, Field(max_length=MAX_LENGTH), AfterValidator(_checked)]
"""A registered model's name."""
