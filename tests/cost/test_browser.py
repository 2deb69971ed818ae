"""The cost report in a real browser."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from components.cost.page import render
from components.cost.statement import Statement
from tests.support.browser import open_page

WORKED, IDLE = (0x00, 0x72, 0xB2), (0xD9, 0xA4, 0x41)


@pytest.mark.parametrize("width", [1280, 390])
def test_bars_are_drawn_and_nothing_stands_past_the_edge(
    busy_day: Statement, chromium: str, tmp_path: Path, width: int
) -> None:
    page, shot = tmp_path / "cost.html", tmp_path / "shot.png"
    page.write_text(render(busy_day), encoding="utf-8")
    seen = open_page(chromium, page, f"--window-size={width},2600", f"--screenshot={shot}")
    assert "CONSOLE" not in seen.stderr
    with Image.open(shot) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    for colour in (WORKED, IDLE):
        _, columns = np.nonzero(np.abs(pixels - colour).sum(axis=2) < 12)
        assert np.ptp(columns) > 0.25 * min(width, 1060)
    # The page's margin is empty on both sides.
    assert (pixels[:, -8:] == pixels[0, 0]).all()
    assert (pixels[:, :8] == pixels[0, 0]).all()
