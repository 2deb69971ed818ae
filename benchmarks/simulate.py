"""How long 10,000 releases take to simulate, by all four rules: `python -m benchmarks.simulate`.

120 polls each; one process, its own CPU time; more than a minute of it is a fault.
"""

import sys
import time

from benchmarks.figures import line
from components.judge import Policy
from components.simulation.run import RULES, simulate
from components.simulation.scenario import peer_settings, scenario

RELEASES = 10_000
LIMIT_S = 60.0


def seconds(**fields: object) -> float:
    """CPU time of one simulation."""
    of = scenario(**fields)
    began = time.process_time()
    found = simulate(of, Policy(), peer_settings(), RELEASES, seed=0)
    took = time.process_time() - began
    if of.polls != 120 or set(found.outcomes) != set(RULES):
        raise RuntimeError(f"{of.polls} polls through {len(found.outcomes)} rules were simulated")
    return took


def main() -> None:
    """Print the times; exit with 1 if one is over the limit."""
    print(f"{'':<44} {'min':>8} {'median':>8} {'max':>8}")
    slow = False
    for what, fields in (
        ("10,000 x 120 polls, errors", {"errors": 0.01}),
        ("10,000 x 120 polls, errors and p95", {"peers_watch": ("errors", "p95")}),
    ):
        times = [seconds(**fields)]
        print(line(what, times, "s"))
        slow = slow or max(times) > LIMIT_S
    if slow:
        sys.exit(f"more than {LIMIT_S:.0f} s")


if __name__ == "__main__":
    main()
