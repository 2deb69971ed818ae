"""Quantities of processor and memory, as Kubernetes writes them and endpoints' files allow them."""

_UNITS = {"Mi": 2**20, "Gi": 2**30}


def cores_of(cpu: str) -> float:
    """Cores in a quantity such as ``1``, ``0.5`` or ``500m``."""
    return float(cpu[:-1]) / 1000 if cpu.endswith("m") else float(cpu)


def bytes_of(memory: str) -> int:
    """Bytes in a quantity such as ``512Mi`` or ``2Gi``."""
    return int(memory[:-2]) * _UNITS[memory[-2:]]
