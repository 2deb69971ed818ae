"""Import KServe's server without what a predictor never uses.

`import kserve` takes 175 MB, of which a half is the client of the Kubernetes control plane (by the
package's `__init__`) and Arrow (by pandas, which does without). A laptop runs three predictors.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec, module_from_spec
from types import ModuleType

_ABSENT = object()


@contextmanager
def light_imports(arrow: bool) -> Iterator[None]:
    """Imports of `kserve.*` in this block skip the package's `__init__`, and pandas finds no Arrow.

    Args:
        arrow: let pandas have Arrow, as a model that is not ours may expect.
    """
    # KServe parses the command line when it is imported, and would take our flags for its own.
    arguments, sys.argv = sys.argv, sys.argv[:1]
    if "kserve" not in sys.modules:
        sys.modules["kserve"] = _bare("kserve")
    before = sys.modules.get("pyarrow", _ABSENT)
    if not arrow and before is _ABSENT and "pandas" not in sys.modules:
        sys.modules["pyarrow"] = None  # type: ignore[assignment]  # Python's way to say "absent"
    try:
        yield
    finally:
        sys.argv = arguments
        if sys.modules.get("pyarrow", _ABSENT) is None and before is _ABSENT:
            del sys.modules["pyarrow"]


def _bare(name: str) -> ModuleType:
    """A package with its path but without what its `__init__` imports."""
    spec = find_spec(name)
    if spec is None:
        raise ModuleNotFoundError(f"{name} is not installed: run 'make setup'")
    return module_from_spec(spec)
