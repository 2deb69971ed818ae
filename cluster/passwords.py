"""The Secrets with which the parts of an installation know each other.

``python -m cluster.passwords TEAM... | kubectl create --filename -`` makes them with new passwords,
where our own PostgreSQL and store are used; `create` replaces none that is there.
"""

import json
import secrets
import sys
from collections.abc import Mapping, Sequence

from cluster.kinds import SECRET, Object
from cluster.settings import SYSTEM
from cluster.teams import runs, unfit
from components.errors import InputError, SluiceError
from components.printing import say

NAMES = ("postgres", "store", "reader", "mlflow", "relay", "events", "nats")
"""Each is a password of 32 random bytes, as `secrets.token_urlsafe` has them."""
READER = "sluice-reader"
RECORDS = "sluice"
"""The bucket of records and versions in our own store (`manifests/components/stores`)."""
_NATS = "username: sluice\npassword: {}\n"


def objects(passwords: Mapping[str, str], teams: Sequence[str]) -> list[Object]:
    """Every Secret.

    Args:
        passwords: by `NAMES`.
        teams: whose namespaces need the store's keys, too.

    Raises:
        InputError: a team cannot be called so.
    """
    for why in filter(None, map(unfit, teams)):
        raise InputError(why)
    places = [SYSTEM, *(each for team in teams for each in (team, runs(team)))]
    return [
        _secret(SYSTEM, "sluice-postgres", {"password": passwords["postgres"]}),
        # Fernet asks for the padding, too.
        _secret(SYSTEM, "sluice-mlflow", {"webhooks": f"{passwords['mlflow']}="}),
        _secret(SYSTEM, "sluice-relay", {"secret": passwords["relay"]}),
        _secret(SYSTEM, "sluice-events", {"token": passwords["events"]}),
        # As an EventBus asks for it.
        _secret(SYSTEM, "nats-client", {"auth": _NATS.format(passwords["nats"])}),
        *(_store(place, passwords["store"]) for place in places),
        # Whom our own store lets in besides: people, who read records.
        _secret(SYSTEM, "sluice-readers", {"identities.json": _identities(passwords["reader"])}),
        *(
            _secret(team, "sluice-store-reader", _keys(READER, passwords["reader"]))
            for team in teams
        ),
    ]


def _store(namespace: str, password: str) -> Object:
    return _secret(namespace, "sluice-store", _keys("sluice", password))


def _keys(user: str, password: str) -> dict[str, str]:
    """As any AWS client takes them."""
    return {"AWS_ACCESS_KEY_ID": user, "AWS_SECRET_ACCESS_KEY": password}


def _identities(password: str) -> str:
    """As SeaweedFS takes them."""
    reader = {
        "name": READER,
        "credentials": [{"accessKey": READER, "secretKey": password}],
        "actions": [f"{action}:{RECORDS}" for action in ("Read", "List")],
    }
    return json.dumps({"identities": [reader]})


def _secret(namespace: str, name: str, content: Mapping[str, str]) -> Object:
    metadata = {"name": name, "namespace": namespace}
    return SECRET.object(metadata, type="Opaque", stringData=dict(content))


def main(teams: Sequence[str]) -> None:
    """Print them, with passwords that nobody had before."""
    drawn = {name: secrets.token_urlsafe(32) for name in NAMES}
    say(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects(drawn, teams)}))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except SluiceError as error:
        sys.exit(f"error: {error}")
