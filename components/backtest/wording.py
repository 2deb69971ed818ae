"""How a course is put into words: pure functions."""

from collections.abc import Mapping, Sequence


def article(kind: str) -> str:
    """A kind of line with its article."""
    return f"{'an' if kind[:1] in 'aeiou' else 'a'} {kind}"


def shown(weights: Mapping[str, float] | None) -> str:
    """A split."""
    if weights is None:
        return "as the release found it"
    parts = [f"version {version}: {share:g} %" for version, share in weights.items()]
    return ", ".join(parts) or "none"


def listed(versions: "Mapping[str, object] | Sequence[str] | set[str] | set[str | None]") -> str:
    """Versions, or whatever else is named."""
    return ", ".join(sorted(str(version) for version in versions)) or "none"
