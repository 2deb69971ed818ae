"""`python -m tests.fuzz [TARGET...]`: 100,000 cases of each, each target in its own process."""

import argparse
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from tests.fuzz.apart import fuzz
from tests.fuzz.targets import TARGETS

CASES = 100_000


def main() -> int:
    """Fuzz; 0 if no case failed, 1 if one did."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", help=f"of {', '.join(TARGETS)}; by default all")
    parser.add_argument("--cases", type=int, default=CASES, help="of each target")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    given = parser.parse_args()
    names = given.targets or list(TARGETS)
    if unknown := set(names) - set(TARGETS):
        parser.error(f"there is no target {min(unknown)!r}: choose {', '.join(TARGETS)}")
    print(f"seed {given.seed}", flush=True)
    with ThreadPoolExecutor(given.jobs) as pool:
        ran = [pool.submit(fuzz, name, given.seed, given.cases, given.first) for name in names]
    return 0 if all(each.result() for each in ran) else 1


if __name__ == "__main__":
    sys.exit(main())
