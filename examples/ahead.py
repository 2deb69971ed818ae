"""Make the example models ahead: `python -m examples.ahead DATA CACHE`.

Platforms that are prepared later, many at once, find them there and only register them.
"""

import sys
from pathlib import Path

from components.errors import SluiceError
from components.printing import say
from examples import banking77


def main() -> int:
    """Make what is missing in the folder CACHE from the data in the folder DATA."""
    data, cache = map(Path, sys.argv[1:])
    try:
        banking77.build(banking77.load_sources(data), banking77.RECIPES, cache, say)
    except SluiceError as error:
        say(f"examples.ahead: {error}", err=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
