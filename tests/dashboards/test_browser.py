"""Every board's page in a real browser, in one start of it."""

import html
import json
import re
from pathlib import Path

from dashboards import boards, page
from dashboards.live import look
from tests.support.browser import open_page
from tests.support.prometheus import NOW, Wire

WIDTHS = (1280, 390)
MEASURE = """
onload = () => {
  const found = [...document.querySelectorAll("iframe")].map((frame) => {
    const inside = frame.contentDocument;
    return [frame.title, frame.clientWidth, inside.documentElement.scrollWidth,
      inside.querySelectorAll(".panel").length];
  });
  document.body.dataset.found = JSON.stringify(found);
};
"""


def test_every_board_fits_a_wide_screen_and_a_phone_and_nothing_complains(
    chromium: str, tmp_path: Path
) -> None:
    frames = []
    for name in boards.NAMES:
        seen = look.at(boards.load(name), Wire(lambda _: 0.5).server(), {}, None, NOW)
        text = html.escape(page.render(seen))
        frames += [
            f'<iframe title="{name}" style="border:0;width:{width}px" srcdoc="{text}"></iframe>'
            for width in WIDTHS
        ]
    path = tmp_path / "all.html"
    path.write_text(f"<body>{''.join(frames)}<script>{MEASURE}</script></body>", encoding="utf-8")
    dumped = open_page(chromium, path, "--window-size=1400,2000", "--dump-dom")
    assert "CONSOLE" not in dumped.stderr
    measured = re.search(r'data-found="([^"]*)"', dumped.stdout)
    assert measured is not None
    found = json.loads(html.unescape(measured[1]))
    assert [(name, width) for name, width, *_ in found] == [
        (name, width) for name in boards.NAMES for width in WIDTHS
    ]
    for name, width, needed, panels in found:
        assert needed <= width, f"{name} is {needed} pixels wide on {width}"
        kinds = [panel["type"] for panel in boards.load(name)["panels"]]
        assert panels == len(kinds) - kinds.count("row")
