"""What `sluice cluster up` says: a line a phase, with its seconds."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

Say = Callable[[str], None]


@dataclass(frozen=True)
class Phases:
    """Says each phase when it has ended well."""

    say: Say

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time what is done in the block."""
        began = time.monotonic()
        yield
        self.say(f"{name:<40} {time.monotonic() - began:6.1f} s")
