"""The committed forms are what the source compiles to."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from pipelines import compiler

LIST = "kustomization.yaml"
FORMS = {f"{path.parent.name}/{path.name}": (path, write) for path, write in compiler.forms()}


@pytest.mark.parametrize("name", FORMS)
def test_the_committed_form_is_what_the_source_compiles_to(name: str, tmp_path: Path) -> None:
    committed: Path
    write: Callable[[Path], None]
    committed, write = FORMS[name]
    fresh = tmp_path / "fresh.yaml"
    write(fresh)
    assert compiler.structure(fresh) == compiler.structure(committed), (
        "run 'sluice pipelines compile'"
    )


def test_no_committed_form_is_of_a_source_that_is_gone() -> None:
    files = [each for each in compiler.COMPILED.rglob("*.yaml") if each.name != LIST]
    assert {f"{path.parent.name}/{path.name}" for path in files} == FORMS.keys()


def test_every_form_of_argo_is_in_the_list_that_is_applied() -> None:
    listed = yaml.safe_load((compiler.COMPILED / "argo" / LIST).read_text())["resources"]
    assert {f"argo/{name}" for name in listed} == {name for name in FORMS if "argo/" in name}
