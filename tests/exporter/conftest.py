"""What a scrape of a memory platform's exporter gets."""

from collections.abc import Callable

import pytest
from prometheus_client.parser import text_string_to_metric_families

from components.exporter import Exporter
from components.exporter.families import FAMILIES

Page = dict[str, dict[tuple[str, ...], float]]
"""Samples by name and the values of their labels, in the family's order."""


def read(page: bytes) -> Page:
    """A page as a Prometheus library reads it; a sample has its family's labels and no others."""
    labels = {family.name: family.labels for family in FAMILIES}
    found: Page = {name: {} for name in labels}
    for family in text_string_to_metric_families(page.decode()):
        for sample in family.samples:
            assert set(sample.labels) == set(labels[sample.name])
            key = tuple(sample.labels[label] for label in labels[sample.name])
            assert key not in found[sample.name]
            found[sample.name][key] = sample.value
    return found


@pytest.fixture
def scrape() -> Callable[[Exporter], Page]:
    return lambda exporter: read(exporter.page())
