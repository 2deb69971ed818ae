"""`docs/performance.md` and its plot, from the raw figures of the newest run or of a given file."""

import json
import statistics
import sys
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import Any

from jinja2 import Template

from benchmarks.predictor.contestants import FRAMEWORKS, OURS
from benchmarks.predictor.material import RUNS
from components.predictor.settings import Settings

TEMPLATE = Path(__file__).with_name("performance.md.j2")
PAGE = Path("docs/performance.md")
PLOT = Path("docs/performance.svg")
DEADLINE = Settings.deadline
FASTAPI, KSERVE = "FastAPI + uvicorn", "KServe, synchronous"

Run = dict[str, Any]
Part = dict[str, Any]
"""What one contestant did in one round."""
Figure = Callable[[Part], float | None]


def closed(connections: int, *fields: str, mix: str = "typical") -> Figure:
    """A closed loop's figure."""
    return _inside("closed", mix, str(connections), *fields)


def opened(mix: str, load: int, *fields: str) -> Figure:
    """An open loop's figure."""
    return _inside("open", mix, str(load), *fields)


def share(part: Part) -> float | None:
    """Requests per second at 32 connections as a share of the limit measured just before."""
    speed, limit = (closed(32, *f)(part) for f in (["per_second"], ["limit", "per_second"]))
    return speed / limit if speed and limit else None


def values(run: Run, name: str, figure: Figure) -> list[float]:
    """The figure in each round that has it."""
    found = [figure(r.get(name, {})) for r in (*run["rounds"], *run["open_rounds"])]
    return [value for value in found if value is not None]


def median(run: Run, name: str, figure: Figure, form: str = ".0f") -> str:
    """The figure's median as the tables show it."""
    found = values(run, name, figure)
    return format(statistics.median(found), form) if found else "-"


def spread(found: Sequence[float], form: str = ".2f") -> str:
    """Median, with minimum and maximum."""
    if not found:
        return "-"
    low, middle, high = (f(found) for f in (min, statistics.median, max))
    return f"**{middle:{form}}** ({low:{form}} to {high:{form}})"


def ratio(
    run: Run, others: Sequence[str], figure: Figure, best: Callable[..., float]
) -> list[float]:
    """Ours by the best of ``others``, round by round."""
    found = []
    for r in (*run["rounds"], *run["open_rounds"]):
        mine = figure(r.get(OURS.name, {}))
        theirs = [value for name in others if (value := figure(r.get(name, {}))) is not None]
        if theirs and mine is not None:
            found.append(mine / best(theirs))
    return found


def _inside(*fields: str) -> Figure:
    def get(part: Part) -> float | None:
        found: Any = part
        for field in fields:
            found = (found or {}).get(field)
        return None if found is None else float(found)

    return get


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, numbers to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _targets(run: Run, peers: Sequence[str]) -> str:
    frameworks = [name for name in peers if name in FRAMEWORKS]
    speed, quiet = closed(32, "per_second"), closed(1, "p50")
    short = opened("skewed", 80, "short", "p95_of_sent")
    full, over = (values(run, OURS.name, opened("skewed", n, "goodput")) for n in (100, 120))
    accepted, refused = (
        values(run, OURS.name, opened("skewed", 120, part, "p99"))
        for part in ("every", "shed_latency")
    )
    rows = [
        ("32 connections: share of the graph's own limit", "≥ 0.85", values(run, OURS.name, share)),
        ("… against FastAPI + uvicorn", "≥ 1.4", ratio(run, [FASTAPI], speed, max)),
        ("… against the best serving framework", "≥ 1.5", ratio(run, frameworks, speed, max)),
        ("… against KServe, synchronous", "≥ 2.5", ratio(run, [KSERVE], speed, max)),
        ("1 connection: p50 against the best peer's", "≤ 1", ratio(run, peers, quiet, min)),
        (
            "80%, skewed: p95 of short texts by the best peer's",
            "≤ 0.5",
            ratio(run, peers, short, min),
        ),
        (
            "120%, skewed: goodput against that at 100%",
            "≥ 0.9",
            [b / a for a, b in zip(full, over, strict=True)],
        ),
        (
            "120%, skewed: p99 of what was accepted, by the deadline",
            "≤ 1",
            [ms / 1000 / DEADLINE for ms in accepted],
        ),
        ("120%, skewed: p99 of a refusal, ms", "at once", refused),
    ]
    head = ["Sluice's ratio", "wanted", "median (min to max)"]
    return table(head, [[what, wanted, spread(found)] for what, wanted, found in rows])


def _processor(run: Run, names: Sequence[str]) -> str:
    """Where the processor's time goes at 32 connections."""
    total, loop = closed(32, "cpu_ms"), closed(32, "main_cpu_ms")
    limit = values(run, OURS.name, closed(32, "limit", "cpu_ms"))
    parts = [r[OURS.name] for r in run["rounds"]]
    executors = [a - b for p in parts if (a := total(p)) and (b := loop(p))]
    rows = [
        ["the limit: tokenizer and graph, no server", spread(limit)],
        ["Sluice: executors, so the graph and its arrays", spread(executors)],
        [
            "Sluice: event loop, so HTTP, JSON, tokenizer, queue",
            spread(values(run, OURS.name, loop)),
        ],
        *([name, spread(values(run, name, total))] for name in names),
    ]
    return table(["", "processor ms a request"], rows)


def _throughput(run: Run, names: Sequence[str]) -> str:
    rows = []
    for name in names:
        rows.append([
            name,
            *(median(run, name, closed(c, "per_second")) for c in (1, 8, 32, 128)),
            spread(values(run, name, share)),
            median(run, name, closed(32, "per_second", mix="skewed")),
            median(run, name, closed(1, "p50"), ".1f"),
            median(run, name, lambda part: part.get("memory_mb")),
            median(run, name, lambda part: part.get("ready_s"), ".1f"),
        ])  # fmt: skip
    head = ["server", "1", "8", "32", "128 connections", "share of the limit at 32", "32, skewed",
            "p50 at 1, ms", "MB", "ready, s"]  # fmt: skip
    return table(head, rows)


def _latency(run: Run, names: Sequence[str], mix: str, load: int) -> str:
    def lost(kind: str) -> Figure:
        part, sent = opened(mix, load, kind), opened(mix, load, "sent")
        return lambda p: None if (count := part(p)) is None else 100 * count / (sent(p) or 1)

    rows = []
    for name in names:
        rows.append([
            name,
            *(median(run, name, opened(mix, load, "short", q)) for q in ("p50", "p95", "p99")),
            median(run, name, opened(mix, load, "every", "p99")),
            *(median(run, name, lost(kind), ".1f") for kind in ("shed", "other", "unanswered")),
            median(run, name, opened(mix, load, "goodput")),
        ])  # fmt: skip
    head = ["server", "p50", "p95", "p99 of short texts, ms", "p99 of all, ms",
            "answered 503, %", "other errors, %", "unanswered, %", "right answers/s"]  # fmt: skip
    return table(head, rows)


def _settings(run: Run) -> str:
    rows = []
    for name, tried in run["tried"].items():
        for entry in tried:
            speed = entry.get("per_second")
            text = f"{speed:.0f}" if speed else "did not run"
            is_chosen = run["settings"].get(name) == entry["text"]
            rows.append([name, entry["text"], f"**{text}**" if is_chosen else text])
    return table(["server", "setting", "requests/s"], rows)


def page(run: Run, source: Path, soak: Run | None) -> str:
    """The document."""
    names = _by_speed(run)
    every = [v for name in names for v in values(run, name, closed(32, "limit", "per_second"))]
    loads = (("skewed", 50), ("skewed", 80), ("skewed", 120), ("typical", 80))
    template = Template(TEMPLATE.read_text(encoding="utf-8"), keep_trailing_newline=True)
    text: str = template.render(
        source=source,
        plot=PLOT.name,
        rounds=len(run["rounds"]),
        date=run["date"],
        machine=run["machine"],
        seconds=run["seconds"],
        open_seconds=run["open_seconds"],
        open_rounds=len(run["open_rounds"]),
        way=run["rounds"][0][OURS.name]["closed"]["typical"]["32"]["limit"],
        limit=spread(every, ".0f"),
        targets=_targets(run, [name for name in names if name != OURS.name]),
        throughput=_throughput(run, names),
        processor=_processor(run, [name for name in names if name != OURS.name]),
        latency={f"{mix}_{load}": _latency(run, names, mix, load) for mix, load in loads},
        settings=_settings(run),
        soak=soak,
    )
    return text


def _by_speed(run: Run) -> list[str]:
    """Who was measured, the fastest first."""
    return sorted(run["settings"], key=lambda n: -statistics.median(values(run, n, share) or [0]))


def plot(run: Run) -> str:
    """A bar for each server: its share of the limit at 32 connections, and its range."""
    names = _by_speed(run)
    left, width, row = 180, 500, 30
    height = row * len(names) + 50
    scale = width / max(1.0, *(max(values(run, n, share) or [0]) for n in names))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 70} {height}" '
        'font-family="system-ui, sans-serif" font-size="13" fill="#1f2430">',
        f'<rect width="{left + width + 70}" height="{height}" fill="#fff"/>',
        f'<text x="{left}" y="18" font-weight="600">Requests/s at 32 connections, as a share of '
        "the graph's own limit</text>",
    ]
    for number, name in enumerate(names):
        found = values(run, name, share)
        if not found:
            continue
        y = 32 + row * number
        middle = statistics.median(found)
        colour = "#0b5cad" if name == OURS.name else "#b9c0c9"
        low, high = left + scale * min(found), left + scale * max(found)
        parts += [
            f'<text x="{left - 8}" y="{y + 15}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="{left}" y="{y}" width="{scale * middle:.1f}" height="20" fill="{colour}"/>',
            f'<path d="M{low:.1f} {y + 10}H{high:.1f}" stroke="#1f2430"/>',
            f'<text x="{max(high, left) + 6:.1f}" y="{y + 15}">{middle:.2f}</text>',
        ]
    end = left + scale
    parts.append(f'<path d="M{end:.1f} 26V{height - 12}" stroke="#c8443c" stroke-dasharray="4"/>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def main() -> None:
    """Write page and plot."""
    newest = sorted(path for path in RUNS.glob("*.json") if not path.stem.endswith("-soak"))
    source = Path(sys.argv[1]) if sys.argv[1:] else newest[-1].relative_to(Path.cwd())
    run = json.loads(source.read_text())
    soak = source.with_name(f"{source.stem}-soak.json")
    PAGE.write_text(page(run, source, json.loads(soak.read_text()) if soak.exists() else None))
    PLOT.write_text(plot(run))
    print(f"{PAGE} and {PLOT}: written")


if __name__ == "__main__":
    main()
