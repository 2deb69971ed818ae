"""What of a record does not follow from the rest of it."""

import msgspec

ALTERED = "no release writes that: hold the record against its copy in MLflow"


class Finding(msgspec.Struct, frozen=True):
    """One deviation."""

    line: int
    """Its number, from 1."""
    what: str
    mend: str = ALTERED
    """What to do about it."""

    @property
    def text(self) -> str:
        """All of it in one line."""
        return f"line {self.line}: {self.what}: {self.mend}"
