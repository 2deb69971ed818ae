"""Whether a model takes what another one takes, by their signatures; and how their answers differ.

"Before" is the model whose clients there are, "after" the one that is to answer them. Each finding
is words that stand by themselves and name the column, input or parameter.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from components.predictor.model import Spec
from components.predictor.runtimes.contract.array_input import Input
from components.predictor.runtimes.contract.arrays import Arrays
from components.predictor.runtimes.contract.column import Column
from components.predictor.runtimes.contract.form import Form
from components.predictor.runtimes.contract.kinds import (
    Anything,
    Kind,
    ListOf,
    MapOf,
    Record,
    Scalar,
)
from components.predictor.runtimes.contract.table import Table


@dataclass(frozen=True)
class Param:
    """An inference parameter: one value of a kind, or a list of them."""

    kind: Kind
    is_list: bool = False


@dataclass(frozen=True)
class Signature:
    """What a model takes and answers."""

    form: Form | None
    """Of a row; None for one text of at most ``longest`` tokens."""
    outputs: Sequence[Spec]
    params: Mapping[str, Param] = field(default_factory=dict)
    longest: int | None = None
    """Of a text in tokens, beyond which it is refused; None for no end."""


def narrower(before: Signature, after: Signature) -> list[str]:
    """What ``after`` refuses of that which ``before`` takes; empty if nothing."""
    found = list(_forms(before, after))
    for name, param in before.params.items():
        now = after.params.get(name)
        if now is None:
            found.append(f"parameter {name!r} is not taken any more")
        elif now.is_list != param.is_list:
            found.append(f"parameter {name!r} is {'a list' if now.is_list else 'one value'} now")
        elif said := _kinds(param.kind, now.kind):
            found.append(f"parameter {name!r} {said}")
    return found


def notes(before: Signature, after: Signature) -> list[str]:
    """What else clients may notice: columns that do nothing any more, and other outputs."""
    found = []
    if isinstance(before.form, Table) and isinstance(after.form, Table) and before.form.named:
        olds, news = list(before.form.columns), list(after.form.columns)
        if unused := [str(name) for name in olds if name not in news]:
            found.append(f"columns that are not used any more: {', '.join(unused)}")
        if after.form.named and olds != news and len(news) > 1:
            found.append("clients that send lists, not records, must send other ones")
    was, now = ({spec.name: spec for spec in each.outputs} for each in (before, after))
    if gone := [name for name in was if name not in now]:
        found.append(f"outputs that are gone: {', '.join(gone)}")
    if new := [name for name in now if name not in was]:
        found.append(f"new outputs: {', '.join(new)}")
    for name in was:
        if name in now and was[name] != now[name]:
            found.append(f"output {name!r} is {_said(now[name])}, it was {_said(was[name])}")
    return found


def _said(spec: Spec) -> str:
    return f"{spec.datatype} {list(spec.shape)}"


def _forms(before: Signature, after: Signature) -> Iterator[str]:
    match before.form, after.form:
        case None, None:
            was_longest, longest = before.longest, after.longest
            if longest is not None and (was_longest is None or was_longest > longest):
                yield f"a text of more than {longest} tokens is refused"
        case Table() as was, Table() as now:
            yield from _tables(was, now)
        case Arrays() as was, Arrays() as now:
            yield from _arrays(was, now)
        case Table() as was, Arrays() as now:
            yield from _table_as_array(was, now)
        case Arrays(), Table():
            yield "it takes columns, the champion takes tensors"
        case _:
            pass  # a text and a table of one column may be the same: requests must show it


def _tables(before: Table, after: Table) -> Iterator[str]:
    if before.named != after.named:
        yield (
            "its columns have names, those of the champion have none"
            if after.named
            else "its columns have no names, those of the champion have"
        )
        return
    if not after.named and len(before.columns) != len(after.columns):
        yield f"it takes {len(after.columns)} values, the champion takes {len(before.columns)}"
        return
    if after.named and not set(before.columns) & set(after.columns):
        yield f"it takes none of the champion's columns: {', '.join(map(str, before.columns))}"
        return
    for name, now in after.columns.items():
        if (was := before.columns.get(name)) is None:
            if now.required:
                yield f"column {name!r} ({now.kind.name}) is required, the champion has none"
        elif said := _columns(was, now):
            yield f"column {name!r} {said}"


def _columns(before: Column, after: Column) -> str:
    became = "is required now" if after.required and not before.required else ""
    return " and ".join(each for each in (became, _kinds(before.kind, after.kind)) if each)


_WIDER: Mapping[str, frozenset[str]] = {
    "integer": frozenset({"long", "float", "double"}),
    "long": frozenset({"float", "double"}),
    "float": frozenset({"double"}),
    "datetime": frozenset({"string"}),
}
"""Which plain types read all that one takes, besides itself."""


def _kinds(before: Kind, after: Kind) -> str:
    """How ``after`` takes less than ``before``; empty if it does not."""
    changed = f"is {after.name} now, it was {before.name}"
    if before.is_json != after.is_json:
        return changed  # V2 sends the one as JSON text
    match before, after:
        case _, Anything():
            return ""
        case Scalar(), Scalar():
            wider = before.name == after.name or after.name in _WIDER.get(before.name, ())
            return "" if wider else changed
        case ListOf(), ListOf():
            return changed if _kinds(before.item, after.item) else ""
        case MapOf(), MapOf():
            return changed if _kinds(before.item, after.item) else ""
        case Record(), MapOf():
            narrow = any(_kinds(kind, after.item) for kind, _ in before.properties.values())
            return changed if narrow else ""
        case Record(), Record():
            return _records(before, after)
    return changed


def _records(before: Record, after: Record) -> str:
    found = [
        f"takes no field {name!r} any more"
        for name in before.properties
        if name not in after.properties
    ]
    for name, (kind, required) in after.properties.items():
        was, was_required = before.properties.get(name, (kind, False))
        if required and not was_required:
            found.append(f"requires the field {name!r}")
        if said := _kinds(was, kind):
            found.append(f"has a field {name!r} that {said}")
    return " and ".join(found)


def _arrays(before: Arrays, after: Arrays) -> Iterator[str]:
    was, now = before.parts, after.parts
    if (None in was) != (None in now):
        yield (
            "its input has no name, those of the champion have"
            if None in now
            else f"its inputs have names ({', '.join(map(str, now))}), the champion's has none"
        )
        return
    for name, part in now.items():
        if name not in was:
            yield f"{part.called} is required, the champion has none"
        elif said := _inputs(was[name], part):
            yield f"{part.called} {said}"


def _inputs(before: Input, after: Input) -> str:
    found = []
    if not _casts(before.dtype, after.dtype):
        found.append(f"is {after.dtype.name} now, it was {before.dtype.name}")
    was, now = (before.rows, *before.shape), (after.rows, *after.shape)
    fits = len(was) == len(now) and all(b in (-1, a) for a, b in zip(was, now, strict=True))
    if not fits:
        found.append(f"has the shape {list(now)} now, it was {list(was)}")
    return " and ".join(found)


def _casts(before: Any, after: Any) -> bool:
    """Whether every value of one NumPy type can be read as the other."""
    import numpy as np

    if after.kind == "O" or before == after:
        return True
    if before.kind in "iu" and after.kind == "f":
        return bool(after.itemsize >= np.dtype("float32").itemsize)
    if before.kind in "iuf" and after.kind in "iuf":
        return bool(np.can_cast(before, after, "safe"))
    return before.kind == after.kind and before.kind in "UM"


def _table_as_array(before: Table, after: Arrays) -> Iterator[str]:
    """A matrix takes a row's columns in their order, as MLflow takes a frame for one."""
    import numpy as np

    part = after.parts.get(None)
    width = len(before.columns)
    if part is None or len(part.shape) != 1 or part.shape[0] not in (-1, width):
        yield "it takes tensors, the champion takes columns"
        return
    if part.rows != -1:
        yield f"it takes {part.rows} rows at a time"
    for name, column in before.columns.items():
        dtype = np.dtype(column.kind.dtype or "O")
        if not column.required or not _casts(dtype, part.dtype):
            optional = "" if column.required else ", and may be left out"
            yield f"column {name!r} was {column.kind.name}{optional}: {part.dtype.name} now"
