"""The Secrets of an installation: each where its reader is, and none twice."""

import json

import pytest
from cryptography.fernet import Fernet

from cluster import passwords
from cluster.kinds import Object
from components.errors import InputError

DRAWN = dict.fromkeys(passwords.NAMES, "A" * 43)


def found(teams: list[str]) -> dict[tuple[str, str], Object]:
    made = passwords.objects(DRAWN, teams)
    by_name = {(each["metadata"]["namespace"], each["metadata"]["name"]): each for each in made}
    assert len(by_name) == len(made)
    return by_name


def test_each_team_s_namespaces_get_the_store_s_keys_and_people_one_that_reads() -> None:
    made = found(["demo", "risk"])
    elsewhere = {place for place, _ in made} - {"sluice-system"}
    assert elsewhere == {"demo", "demo-runs", "risk", "risk-runs"}
    assert {name for place, name in made if place.endswith("-runs")} == {"sluice-store"}
    own = {name for place, name in made if place == "demo"}
    assert own == {"sluice-store", "sluice-store-reader"}


@pytest.mark.parametrize("letters", [59, 63])
def test_a_team_whose_workflows_could_have_no_namespace_is_not_made(letters: int) -> None:
    assert found(["t" * 58])
    with pytest.raises(InputError, match=f"has {letters} letters.*give it a name of 58 at most"):
        passwords.objects(DRAWN, ["demo", "t" * letters])


def test_mlflow_can_encrypt_with_its_key() -> None:
    key = found([])["sluice-system", "sluice-mlflow"]["stringData"]["webhooks"]
    assert Fernet(key).decrypt(Fernet(key).encrypt(b"x")) == b"x"


def test_each_printing_has_passwords_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    drawn = []
    for _ in range(2):
        passwords.main(["demo"])
        listed = json.loads(capsys.readouterr().out)
        drawn += [each["stringData"].get("password") for each in listed["items"]]
    told = [each for each in drawn if each]
    assert len(set(told)) == len(told) == 2
