"""Print the JSON schema of a poll: `python -m components.judge.schema > docs/polls.schema.json`."""

import json
import sys

from components.judge.poll import schema


def text() -> str:
    """The schema as `docs/polls.schema.json` holds it."""
    return json.dumps(schema(), indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
