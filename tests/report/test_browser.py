"""The page in a real browser."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from components import record
from components.report.page import render
from components.report.timeline import timeline_of
from tests.support.browser import open_page

Records = Callable[[str], Path]

CANDIDATE, CHAMPION = (0xD5, 0x5E, 0x00), (0x00, 0x72, 0xB2)


@pytest.fixture
def browse(
    chromium: str, records: Records, tmp_path: Path
) -> Callable[..., subprocess.CompletedProcess[str]]:
    path = tmp_path / "report.html"
    path.write_text(render(timeline_of(record.read(records("slow"))), str(path)), encoding="utf-8")

    def opened(*flags: str) -> subprocess.CompletedProcess[str]:
        return open_page(chromium, path, *flags)

    return opened


def test_a_browser_finds_every_plot_and_has_no_complaint(
    browse: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    seen = browse("--dump-dom")
    assert re.findall(r'<figure id="(\w+)"', seen.stdout) == [
        "share",
        "latency",
        "errors",
        "evidence",
        "safety",
        "requests",
    ]
    assert seen.stdout.count("<svg viewBox") == 6
    assert "CONSOLE" not in seen.stderr


@pytest.mark.parametrize("width", [1280, 400])
def test_both_versions_are_drawn_across_the_page(
    browse: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path, width: int
) -> None:
    shot = tmp_path / "shot.png"
    browse(f"--window-size={width},3200", f"--screenshot={shot}")
    with Image.open(shot) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    for colour in (CANDIDATE, CHAMPION):
        rows, columns = np.nonzero(np.abs(pixels - colour).sum(axis=2) < 12)
        drawn = columns[rows > 900]
        assert np.ptp(drawn) > 0.7 * min(width, 1060)
