"""Import KServe's server without what a predictor never uses.

`import kserve` takes 175 MB, of which a half is the client of the Kubernetes control plane (by the
package's `__init__`) and pandas with Arrow. A laptop runs three predictors.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec, module_from_spec
from types import ModuleType


@contextmanager
def light_imports(pandas: bool) -> Iterator[None]:
    """Imports of `kserve.*` in this block skip the package's `__init__` and httpx's command line.

    Args:
        pandas: KServe gets the real one, as a model that is not ours may expect. Otherwise it gets
            one that has the name of a table and nothing else, which is all that it needs of it to
            be imported, and to see that an answer is no table.
    """
    # KServe parses the command line when it is imported, and would take our flags for its own.
    arguments, sys.argv = sys.argv, sys.argv[:1]
    if "kserve" not in sys.modules:
        sys.modules["kserve"] = _bare("kserve")
    # None is Python's way to say "absent": then httpx, which KServe imports, does without.
    stand_ins = {"rich": None} if pandas else {"rich": None, "pandas": _tables()}
    stand_ins = {name: module for name, module in stand_ins.items() if name not in sys.modules}
    sys.modules.update(stand_ins)  # type: ignore[arg-type]  # None is allowed
    try:
        yield
    finally:
        sys.argv = arguments
        for name in stand_ins:
            del sys.modules[name]


def _tables() -> ModuleType:
    """What stands for pandas."""
    module = ModuleType("pandas")
    module.DataFrame = type("DataFrame", (), {})  # type: ignore[attr-defined]  # a new module's
    return module


def _bare(name: str) -> ModuleType:
    """A package with its path but without what its `__init__` imports."""
    spec = find_spec(name)
    if spec is None:
        raise ModuleNotFoundError(f"{name} is not installed: run 'make setup'")
    return module_from_spec(spec)
