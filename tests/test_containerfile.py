"""The Containerfile holds what its images run."""

import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

from tests.test_layers import arrows, imports, is_in, module_of, modules, names

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "Containerfile").read_text(encoding="utf-8")


def stage(name: str) -> str:
    (found,) = re.findall(rf"^FROM \S+ AS {name}$(.*?)(?=^FROM |\Z)", TEXT, re.M | re.S)
    return str(found)


def reached(package: str) -> set[str]:
    """Every module of ours that one of the package may import, in a function or not."""
    ahead: dict[str, set[str]] = {}
    for importer, imported in arrows():
        ahead.setdefault(importer, set()).add(imported)
    seen: set[str] = set()
    todo = [module for module in modules() if is_in(module, package)]
    while todo:
        module = todo.pop()
        if module not in seen:
            seen.add(module)
            todo += ahead.get(module, set())
            todo += [module.rpartition(".")[0]] if module.count(".") else []
    return seen


def of_others(package: str) -> set[str]:
    """The libraries that the package's modules import, by their names for imports."""
    asked = {
        name
        for module in reached(package)
        for statement in imports(module)
        for name in names(statement)
        if module_of(name) is None
    }
    return {name.partition(".")[0] for name in asked} - sys.stdlib_module_names


def test_the_predictors_image_has_every_library_that_it_may_import() -> None:
    (installed,) = re.findall(r"setuptools(.*?)\nCOPY", stage("predictor"), re.S)
    listed = set(installed.replace("\\", " ").split())
    providers = packages_distributions()
    lacking = {
        library
        for library in of_others("components.predictor")
        if not listed & {each.lower().replace("_", "-") for each in providers[library]}
    }
    assert lacking == set()


def test_the_predictors_image_has_no_library_of_pipelines() -> None:
    assert not re.search(r"\b(kfp|evidently|matplotlib|pyarrow)\b", stage("predictor"))


def test_each_image_has_the_packages_of_ours_that_it_needs() -> None:
    copied = {
        name: set(re.findall(r"^COPY (\w+) \1$", stage(name), re.M))
        for name in ("predictor", "steps")
    }
    assert {module.partition(".")[0] for module in reached("components.predictor")} <= copied[
        "predictor"
    ]
    assert {module.partition(".")[0] for module in reached("pipelines")} <= copied["steps"]


def test_no_image_runs_as_root() -> None:
    for name in ("predictor", "steps"):
        assert re.search(r"^USER 65532:65532$", stage(name), re.M)
