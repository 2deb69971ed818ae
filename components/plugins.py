"""What installed packages bring, as entry points, by the name of the platform that is chosen.

A platform announces itself in the group ``sluice.platforms`` and its own commands, if it has any,
in ``sluice.commands``; commands that are there whatever the platform is, in ``sluice.tools``.
Engines are in ``sluice.engines``, by their own names; a platform's own also by the platform's.
What an engine cannot run is in ``sluice.limits``, by the same names.
`sluice --help` asks too, so nothing here may be slow.
"""

import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from components.errors import InputError

PLATFORMS = "sluice.platforms"
"""Group of functions without arguments that return a platform."""
COMMANDS = "sluice.commands"
"""Group of packages with a table ``COMMANDS`` (name: what it does, in one line) and a module of
each name, which holds the click command ``command``."""
TOOLS = "sluice.tools"
"""Group of packages as those of `COMMANDS`, whose commands are there on every platform."""
ENGINES = "sluice.engines"
"""Group of functions without arguments that return a `components.engine.Engine`."""
LIMITS = "sluice.limits"
"""Group of functions of an endpoint that raise InputError if the engine can run no release of it.
They ask no server: an endpoint's file is refused wherever it is written."""


def brought(group: str, platform: str | None = None) -> Any:
    """What ``platform`` (default: $SLUICE_PLATFORM, else ``local``) brings in ``group``, or None.

    Raises:
        InputError: no installed package offers the platform.
    """
    wanted = platform or os.environ.get("SLUICE_PLATFORM", "local")
    found = _listed()
    if wanted not in found.get(PLATFORMS, {}):
        found = _installed()
    names = found.get(PLATFORMS, {})
    if wanted not in names:
        raise InputError(f"unknown platform {wanted!r}: choose one of {', '.join(sorted(names))}")
    target = found.get(group, {}).get(wanted)
    return None if target is None else _load(target)


def engine_of(name: str | None = None) -> Any:
    """What connects to the engine called ``name``; default: the platform's own, else ``local``.

    Raises:
        InputError: no installed package offers it.
    """
    if name is None and (own := brought(ENGINES)):
        return own
    wanted = name or "local"
    engines = _listed().get(ENGINES) or _installed().get(ENGINES, {})
    if wanted not in engines:
        raise InputError(f"unknown engine {wanted!r}: choose one of {', '.join(sorted(engines))}")
    return _load(engines[wanted])


def refuse_unreleasable(endpoint: Any, engine: str | None = None) -> None:
    """Check that the engine called ``engine`` can run releases of the endpoint.

    Args:
        endpoint: a `components.endpoint.Endpoint`.
        engine: default: the platform's own.

    Raises:
        InputError: it cannot; names the key. Or the platform in use is unknown.
    """
    if engine is None:
        refuse = brought(LIMITS)
    else:
        target = (_listed().get(LIMITS) or _installed().get(LIMITS, {})).get(engine)
        refuse = target and _load(target)
    if refuse:
        refuse(endpoint)


def tools() -> list[Any]:
    """The packages of `TOOLS`; our images lack those that are for one machine."""
    found = _listed()
    if PLATFORMS not in found:
        found = _installed()
    return [_load(target) for target in found.get(TOOLS, {}).values() if _is_there(target)]


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False  # its parent package is not there


def _load(target: str) -> Any:
    module, _, attribute = target.partition(":")
    value = importlib.import_module(module)
    return getattr(value, attribute) if attribute else value


def _listed() -> dict[str, dict[str, str]]:
    """Our groups of entry points, read from the lists that installers leave beside each package.

    The standard library's way imports 25 ms of mail and archives; this takes 2 ms, and misses what
    is not installed as a folder.
    """
    groups: dict[str, dict[str, str]] = {}
    for text in _lists():
        group: dict[str, str] = {}
        for line in text.splitlines() if "[sluice." in text else ():
            name, is_point, target = (part.strip() for part in line.partition("="))
            if name.startswith("["):
                group = groups.setdefault(name.strip("[]"), {})
            elif is_point:
                group.setdefault(name, target)
    return groups


def _lists() -> Iterator[str]:
    for folder in sys.path:
        for file in Path(folder).glob("*.dist-info/entry_points.txt"):
            yield file.read_text(encoding="utf-8")


def _installed() -> dict[str, dict[str, str]]:
    """The same from the standard library, which misses nothing."""
    from importlib.metadata import entry_points

    return {
        group: {point.name: point.value for point in entry_points(group=group)}
        for group in (PLATFORMS, COMMANDS, TOOLS, ENGINES)
    }
