"""`docs/metrics.md` names every series that is exported, with its type and labels."""

import re
from pathlib import Path

from components.exporter.families import FAMILIES, OUTCOMES, PHASES, Family
from components.gateway import JOIN

DOCUMENT = Path(__file__).parents[2] / "docs" / "metrics.md"


def row(family: Family) -> str:
    labels = ", ".join(f"`{label}`" for label in family.labels)
    said = family.about.removesuffix(".")
    about = said if said[0].isdigit() else said[0].lower() + said[1:]
    cells = (f"`{family.name}`", family.kind, labels, family.unit, about)
    return "|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|"


def test_the_exporter_s_table_is_that_of_its_families() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    found = re.findall(r"^\| `sluice_.*$", text, re.MULTILINE)
    assert found == [row(family) for family in FAMILIES]


def test_the_words_that_labels_may_have_are_those_of_the_code() -> None:
    text = " ".join(DOCUMENT.read_text(encoding="utf-8").split())
    for words in (PHASES, OUTCOMES):
        assert ", ".join(f"`{each}`" for each in words[:-1]) + f" and `{words[-1]}`" in text
    assert all(f"| `{label}` |" in text for label in JOIN)
