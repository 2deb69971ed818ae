"""Quantities of processor and memory, as Kubernetes writes them and endpoints' files allow them."""

import re

_WORDS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_UNITS = {"Mi": 2**20, "Gi": 2**30}
_SUFFIXES = {
    **{name: 10.0**power for name, power in zip("num", (-9, -6, -3), strict=True)},
    **{name: 1000.0**power for power, name in enumerate("kMGTPE", 1)},
    **{f"{name}i": 1024.0**power for power, name in enumerate("KMGTPE", 1)},
    "": 1.0,
}
_QUANTITY = re.compile(r"([0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)([a-zA-Z]*)")


def amount(quantity: str) -> float:
    """The number that any quantity of Kubernetes stands for: ``500m``, ``1.5Gi``, ``2e3``.

    Raises:
        ValueError: it is none.
    """
    match = _QUANTITY.fullmatch(quantity)
    if match is None or match[2] not in _SUFFIXES:
        raise ValueError(f"{quantity!r} is no quantity")
    return float(match[1]) * _SUFFIXES[match[2]]


def cores_of(cpu: str) -> float:
    """Cores in a quantity such as ``1``, ``0.5`` or ``500m``."""
    return float(cpu[:-1]) / 1000 if cpu.endswith("m") else float(cpu)


def in_words(size: int) -> str:
    """Bytes for people, in the unit that has few digits of them."""
    exponent = min(max(size.bit_length() - 1, 0) // 10, len(_WORDS) - 1)
    return f"{size / 1024**exponent:.1f}".removesuffix(".0") + f" {_WORDS[exponent]}"


def bytes_of(memory: str) -> int:
    """Bytes in a quantity such as ``512Mi`` or ``2Gi``."""
    return int(memory[:-2]) * _UNITS[memory[-2:]]
