"""The pictures of two pages: ``python docs/pictures.py`` draws them again.

Each is boxes and arrows on a grid of pixels. Colours follow the reader's light or dark setting.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

WIDTH = 760
LINE = 15
"""Pixels between two lines of small text."""

STYLE = """\
  .ground { fill: #ffffff }
  .box { fill: #eef3f8; stroke: #47607a }
  .store { fill: #fdf3df; stroke: #8a6a1f }
  .end { fill: #e9f5ec; stroke: #2f7547 }
  .bad { fill: #fbecea; stroke: #a33b30 }
  text { fill: #1d2733; font-family: system-ui, sans-serif; font-size: 12px }
  .title { font-weight: 600; font-size: 13.5px }
  .code { font-family: ui-monospace, Menlo, Consolas, monospace; font-size: 11px; fill: #4a5766 }
  .said { fill: #4a5766; font-size: 11.5px }
  .way { stroke: #47607a; fill: none; stroke-width: 1.4 }
  .dashed { stroke-dasharray: 4 3 }
  .tip { fill: #47607a }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #12171d }
    .box { fill: #1d2a37; stroke: #7f9cb9 }
    .store { fill: #2f2817; stroke: #c9a550 }
    .end { fill: #17301f; stroke: #6dbb88 }
    .bad { fill: #381d1a; stroke: #e08a80 }
    text { fill: #e8edf2 }
    .code, .said { fill: #aab6c3 }
    .way { stroke: #8fa9c4 }
    .tip { fill: #8fa9c4 }
  }
"""


@dataclass(frozen=True)
class Box:
    """A rectangle with a title and lines below it; a line in backticks is code."""

    x: int
    y: int
    width: int
    height: int
    title: str
    lines: Sequence[str] = ()
    kind: str = "box"

    def __str__(self) -> str:
        """The box as SVG, its text in its middle."""
        middle = self.x + self.width / 2
        top = self.y + (self.height - LINE * len(self.lines)) / 2 + 4.5
        parts = [
            f'<rect class="{self.kind}" x="{self.x}" y="{self.y}" width="{self.width}"'
            f' height="{self.height}" rx="6"/>',
            text(middle, top, self.title, "title"),
        ]
        for number, line in enumerate(self.lines, start=1):
            parts.append(text(middle, top + LINE * number, line, "said"))
        return "\n".join(parts)


def text(x: float, y: float, said: str, kind: str = "said", anchor: str = "middle") -> str:
    """A line of text; all of it is code if it stands in backticks."""
    if said.startswith("`"):
        said, kind = said.strip("`"), "code"
    return f'<text class="{kind}" x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(said)}</text>'


def way(*points: tuple[int, int], dashed: bool = False) -> str:
    """An arrow along ``points``; its tip is at the last one."""
    joined = " ".join(f"{x},{y}" for x, y in points)
    kind = "way dashed" if dashed else "way"
    return f'<polyline class="{kind}" points="{joined}" marker-end="url(#tip)"/>'


def picture(title: str, height: int, parts: Iterable[object]) -> str:
    """One SVG file."""
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
            f"<title>{escape(title)}</title>",
            f"<style>\n{STYLE}</style>",
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8"'
            ' markerHeight="8" orient="auto"><path class="tip" d="M0,0 L8,4 L0,8 z"/>'
            "</marker></defs>",
            f'<rect class="ground" width="{WIDTH}" height="{height}"/>',
            *map(str, parts),
            "</svg>\n",
        ]
    )


def poll() -> str:
    """From a user's request to a verdict in the record."""
    return picture(
        "The life of a poll",
        352,
        [
            Box(16, 20, 112, 62, "users", ["ask the endpoint"]),
            way((128, 51), (186, 51)),
            Box(188, 20, 174, 62, "gateway", ["counts each answer,", "by version"]),
            way((362, 51), (420, 51)),
            text(391, 44, "scrape"),
            Box(422, 20, 130, 62, "Prometheus", ["raw counters"], "store"),
            way((552, 51), (598, 51)),
            text(575, 44, "read"),
            Box(600, 20, 144, 62, "Metrics.sample", ["a Reading,", "by version, source"]),
            text(275, 98, "`components/gateway.py`"),
            text(672, 98, "`components/metrics/`"),
            way((672, 106), (672, 148)),
            Box(600, 150, 144, 62, "Poll", ["and the split", "in force"]),
            way((600, 181), (554, 181)),
            Box(400, 150, 152, 62, "judge.observe", ["pure: policy, state,", "poll"]),
            way((400, 181), (342, 181)),
            Box(188, 150, 152, 62, "Verdict", ["PROMOTE, ROLLBACK,", "HOLD or ERROR"]),
            text(476, 228, "`components/judge/`"),
            way((264, 212), (264, 266)),
            way((672, 212), (672, 290), (342, 290)),
            text(520, 283, "together, as one segment"),
            Box(188, 268, 152, 62, "record", ["two lines, chained", "by their hashes"], "store"),
            text(264, 345, "`components/record/`"),
            way((188, 299), (130, 299)),
            Box(16, 268, 112, 62, "readers", ["next step, report,", "replay"]),
            way((72, 268), (72, 181), (186, 181), dashed=True),
            text(80, 230, "replay must come", anchor="start"),
            text(80, 245, "to the same one", anchor="start"),
        ],
    )


def release() -> str:
    """The steps, their branches, and what holds the state."""
    row, height = 46, 56
    steps = [
        ("fetch", "lease, verified", "files"),
        ("evaluate", "same held-out", "rows"),
        ("deploy", "ready, without", "traffic"),
        ("shift", "in force at", "every proxy"),
        ("watch", "poll and judge", "until decided"),
        ("promote", "all traffic, then", "the alias"),
    ]
    parts: list[object] = []
    for number, (name, *said) in enumerate(steps):
        x = 16 + 124 * number
        parts.append(Box(x, row, 108, height, name, said, "end" if name == "promote" else "box"))
        if number:
            parts.append(way((x - 16, row + 28), (x - 2, row + 28)))
    parts += [
        way((566, row), (566, 26), (442, 26), (442, row - 2)),
        text(504, 19, "next traffic step"),
        Box(264, 152, 356, 46, "rollback", ["production has all of the traffic again"], "bad"),
        way((194, 102), (194, 175), (262, 175)),
        text(204, 122, "rejected", anchor="start"),
        way((566, 102), (566, 150)),
        text(558, 122, "fault, or undecided", anchor="end"),
        Box(264, 228, 480, 46, "finalize", ["ends the release from its record; cleans up"]),
        way((442, 198), (442, 226)),
        way((690, 102), (690, 226)),
        text(16, 252, "after any end of", anchor="start"),
        text(16, 267, "the engine's run", anchor="start"),
        way((118, 255), (262, 255), dashed=True),
        Box(16, 306, 168, 62, "lease", ["who may move traffic,", "and the way back"], "store"),
        Box(203, 306, 168, 62, "record", ["what was done and why;", "the only state"], "store"),
        Box(390, 306, 168, 62, "traffic", ["the split, asked for", "and in force"], "store"),
        Box(576, 306, 168, 62, "registry", ["aliases and tags,", "last of all"], "store"),
        text(380, 296, "what every step reads and writes; nothing else outlives a step"),
        Box(
            16,
            400,
            728,
            44,
            "reaper",
            [
                "a lease was silent for its length: 1. traffic back (lease, traffic)"
                "   2. record, registry, cleaning up"
            ],
            "bad",
        ),
        way((100, 400), (100, 370), dashed=True),
        way((474, 400), (474, 370), dashed=True),
    ]
    return picture("The life of a release", 458, parts)


def endpoint() -> str:
    """From a person's editor to what is in force."""
    parts: list[object] = [
        Box(16, 20, 186, 62, "endpoints/NAME.yaml", ["edited by a person"], "store"),
        way((202, 51), (250, 51)),
        Box(252, 20, 176, 62, "strict check", ["file, line and key", "of every fault"]),
        text(340, 98, "`components/endpoint.py`"),
        way((428, 51), (540, 51)),
        text(484, 29, "sluice apply"),
        text(484, 44, "sluice release"),
        Box(
            542,
            20,
            202,
            62,
            "platform.endpoints",
            ["load by name: no new", "image for an edit"],
            "store",
        ),
        way((643, 82), (643, 128)),
        text(653, 110, "fetch", anchor="start"),
        Box(
            220,
            130,
            524,
            50,
            "the record's first line",
            ["the whole file with every default; a later edit does not touch this release"],
            "store",
        ),
        way((220, 155), (162, 155)),
        Box(16, 130, 144, 50, "pipeline", ["how many steps"]),
    ]
    readers = [
        ("evaluation", ["the data set, the", "promotion criteria"], "evaluate"),
        ("serving", ["runtime, queue,", "scaling"], "deploy"),
        ("gateway", ["limits of the route"], "shift"),
        ("release", ["steps, watch, poll,", "lease, judge"], "shift, watch"),
    ]
    for number, (section, said, step) in enumerate(readers):
        x = 16 + 186 * number
        parts.append(Box(x, 232, 170, 66, f"{section}:", said))
        parts.append(text(x + 85, 314, f"read by {step}"))
        parts.append(way((482, 180), (482, 206), (x + 85, 206), (x + 85, 230)))
    return picture("The life of an endpoint's file", 328, parts)


def version() -> str:
    """From a registered version to production on a cluster, and back."""
    return picture(
        "The life of a version",
        372,
        [
            Box(16, 20, 150, 62, "registered", ["files with checksums,", "in MLflow"], "store"),
            way((166, 51), (232, 51)),
            text(199, 29, "somebody"),
            text(199, 44, "sets it"),
            Box(234, 20, 150, 62, "alias candidate", ["the wish: release me"], "store"),
            way((384, 51), (448, 51)),
            text(416, 44, "webhook"),
            Box(450, 20, 120, 62, "relay", ["asks MLflow", "whether it is so"]),
            way((570, 51), (622, 51)),
            Box(624, 20, 120, 62, "Argo Events", ["one event,", "one workflow"]),
            way((309, 82), (309, 112), (510, 112), (510, 122)),
            text(322, 106, "a lost webhook is found", anchor="start"),
            Box(450, 124, 120, 44, "reconcile", ["every two minutes"]),
            way((570, 146), (622, 146)),
            way((684, 82), (684, 122)),
            Box(624, 124, 120, 44, "workflow", ["`rel-NAME-v2-1`"]),
            way((684, 168), (684, 198)),
            Box(
                450,
                200,
                294,
                62,
                "the release",
                ["fetch, evaluate, deploy, shift, watch;", "a pod a step"],
            ),
            way((450, 222), (386, 222)),
            text(418, 215, "promoted"),
            Box(234, 190, 150, 46, "alias champion", ["all of the traffic"], "end"),
            way((234, 213), (168, 213)),
            text(201, 206, "later"),
            Box(16, 190, 150, 46, "champion before", ["warm until the next"], "box"),
            way((450, 246), (418, 246), (418, 291), (386, 291)),
            text(424, 284, "rolled back, held", anchor="start"),
            Box(234, 268, 150, 46, "no alias", ["until somebody sets one"], "bad"),
            way((234, 291), (200, 291), (200, 116), (276, 116), (276, 84), dashed=True),
            text(190, 291, "released again only", anchor="end"),
            text(190, 306, "when it is set again", anchor="end"),
            text(
                380,
                348,
                "whatever the outcome: a record in the store and at the version's run,",
            ),
            text(380, 363, "Events on the route, and the alias candidate gone"),
        ],
    )


def drawn() -> Mapping[str, str]:
    """Each picture by the name of its file."""
    return {
        "architecture-poll.svg": poll(),
        "architecture-release.svg": release(),
        "architecture-endpoint.svg": endpoint(),
        "architecture-version.svg": version(),
    }


if __name__ == "__main__":
    for name, content in drawn().items():
        Path(__file__).with_name(name).write_text(content, encoding="utf-8")
