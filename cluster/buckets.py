"""Make an S3 store's buckets: ``python -m cluster.buckets http://s3.sluice-system:8333 NAME...``.

For the store that we bring along: it starts empty. It waits until the store answers.
"""

import sys
import time
from collections.abc import Iterable
from typing import Any

from components.printing import say

_EVERY_S = 1.0
_PATIENCE_S = 120.0


def make(client: Any, names: Iterable[str]) -> list[str]:
    """Make those buckets that are not there; their names.

    Args:
        client: boto3's, of the store.
        names: of all that are wanted.
    """
    there = {each["Name"] for each in client.list_buckets()["Buckets"]}
    missing = [name for name in names if name not in there]
    for name in missing:
        client.create_bucket(Bucket=name)
    return missing


def main(endpoint: str, names: list[str]) -> None:
    """Make them, as soon as the store answers; keys are in the environment, as AWS has them."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    settings = Config(
        s3={"addressing_style": "path"},
        connect_timeout=2,
        read_timeout=10,
        retries={"max_attempts": 1},
    )
    # Of a session of its own, with the keys that are there now.
    client = boto3.Session().client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", config=settings
    )
    ends = time.monotonic() + _PATIENCE_S
    while True:
        try:
            say(f"{endpoint}: made {', '.join(make(client, names)) or 'no'} buckets")
            return
        except (ClientError, BotoCoreError) as error:
            if time.monotonic() >= ends:
                sys.exit(f"{endpoint}: {error}")
            say(f"{endpoint}: {error}")
            time.sleep(_EVERY_S)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
