"""How Prometheus reads what a process tells of itself: its text format, 0.0.4.

Source: prometheus.io/docs/instrumenting/exposition_formats.
"""

from collections.abc import Mapping

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


def head(name: str, kind: str, about: str) -> tuple[str, str]:
    """The two lines before a family's samples; ``about`` is one line without a backslash."""
    return f"# HELP {name} {about}", f"# TYPE {name} {kind}"


def labelled(labels: Mapping[str, str]) -> str:
    """Labels as they stand between the braces."""
    return ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in labels.items())
