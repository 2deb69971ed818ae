"""Rows of a data set, which are text, as what models take."""

from collections.abc import Iterable, Mapping

from components.errors import InputError

_TRUE = {"true": True, "1": True, "false": False, "0": False}


def require(row: Mapping[str, str], columns: Iterable[str]) -> None:
    """Refuse a row that lacks one of ``columns``.

    Raises:
        InputError: it does.
    """
    if missing := [name for name in columns if name not in row]:
        raise InputError(
            f"the data set has no column {missing[0]!r}, which the model needs: "
            f"it has {', '.join(row)}"
        )


def typed(text: str, datatype: str, column: str) -> str | int | float | bool:
    """The cell ``text`` of ``column`` as the V2 ``datatype``.

    Raises:
        InputError: it is not of that type.
    """
    try:
        if datatype == "BYTES":
            return text
        if datatype == "BOOL":
            return _TRUE[text.lower()]
        return float(text) if datatype.startswith("FP") else int(text)
    except (ValueError, KeyError) as error:
        raise InputError(f"column {column!r}: {text!r} is no {datatype}") from error
