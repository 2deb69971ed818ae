"""When Python looks for garbage: not while libraries are imported, nor among what stays."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Nothing is collected in this block, which imports: of what that makes, nearly all stays.

    To look through it again and again takes a tenth of the time of MLflow's imports.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def keep() -> None:
    """Collect once, and never look again at what is left, which stays until the process ends.

    Collecting what was imported and loaded would halt every request for a tenth of a second each
    time.
    """
    gc.collect()
    gc.freeze()
