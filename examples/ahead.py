"""Make the example models ahead: `python -m examples.ahead DATA CACHE`.

Platforms that are prepared later, many at once, find them there and only register them.
"""

import sys
from pathlib import Path

from components.printing import say
from examples import banking77


def main() -> None:
    """Make what is missing in the folder CACHE from the data in the folder DATA."""
    data, cache = map(Path, sys.argv[1:])
    banking77.build(banking77.load_sources(data), banking77.RECIPES, cache, say)


if __name__ == "__main__":
    main()
