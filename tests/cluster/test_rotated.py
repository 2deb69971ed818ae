"""The store's keys are replaced while a process runs: it is to show the new ones."""

import base64
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
import yaml

from cluster.api import Api
from cluster.kinds import SECRET
from cluster.settings import Store
from cluster.stores import MOUNTED, REREAD_S, Stores
from components.errors import Unreachable
from components.platform import object_store
from components.platform.memory import ManualClock
from pipelines import pods
from tests.support import seaweed
from tests.support.waiting import wait_until
from tests.support.wires import Remembering, answering

SETTINGS = Store(uri="s3://sluice", secret="sluice-store")  # noqa: S106 (an object's name)
BASE = Path(__file__).parents[2] / "manifests" / "base"
NAMES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def mounted(folder: Path, user: str, password: str = "p") -> Path:  # noqa: S107
    """Put keys where a pod finds them, as the kubelet does: the whole folder at once."""
    content = folder / f"..{user}"
    content.mkdir()
    for name, value in zip(NAMES, (user, password), strict=True):
        (content / name).write_text(value)
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(Path("..data") / name)
    (folder / "new").symlink_to(content.name)
    (folder / "new").rename(folder / "..data")
    return folder


def no_api() -> Api:
    return answering(lambda _: httpx.Response(403))


def test_a_pod_shows_the_keys_that_its_files_have_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What an earlier Sluice's pods are told stands beside it, as it was when they began.
    for name in NAMES:
        monkeypatch.setenv(name, "as it began")
    stores = Stores(SETTINGS, no_api(), "fraud", mounted(tmp_path, "old", "secret of old"))
    first = stores.keys()
    assert (first["access_key_id"], first["secret_access_key"]) == ("old", "secret of old")
    mounted(tmp_path, "new", "secret of new")
    second = stores.keys()
    assert (second["access_key_id"], second["secret_access_key"]) == ("new", "secret of new")


def test_a_pod_without_files_shows_what_it_was_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in NAMES:
        monkeypatch.setenv(name, "told")
    assert Stores(SETTINGS, no_api(), "fraud", tmp_path).keys()["access_key_id"] == "told"


def kept(wire: Remembering, user: str) -> None:
    """Let the Secret have a user's keys."""
    data = {name: base64.b64encode(user.encode()).decode() for name in NAMES}
    wire.keep(SECRET, "fraud", SECRET.object({"name": SETTINGS.secret}, data=data))


def test_whoever_asks_the_api_server_asks_it_once_a_minute(tmp_path: Path) -> None:
    wire, clock, asked = Remembering(), ManualClock(), []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return wire.handle_request(request)

    stores = Stores(SETTINGS, answering(answer), "fraud", tmp_path, clock)
    kept(wire, "old")
    assert {stores.keys()["access_key_id"] for _ in range(10)} == {"old"}
    kept(wire, "new")
    assert stores.keys()["access_key_id"] == "old"
    assert len(asked) == 1
    clock.sleep(REREAD_S)
    assert {stores.keys()["access_key_id"] for _ in range(10)} == {"new"}
    assert len(asked) == 2


def test_while_the_api_server_is_away_the_last_keys_are_shown(tmp_path: Path) -> None:
    wire, clock, away = Remembering(), ManualClock(), [True]

    def answer(request: httpx.Request) -> httpx.Response:
        if away[0]:
            raise httpx.ConnectError("nobody listens")
        return wire.handle_request(request)

    stores = Stores(SETTINGS, answering(answer), "fraud", tmp_path, clock)
    kept(wire, "old")
    with pytest.raises(Unreachable):
        stores.keys()
    away[0] = False
    assert stores.keys()["access_key_id"] == "old"
    away[0] = True
    clock.sleep(REREAD_S)
    assert stores.keys()["access_key_id"] == "old"
    away[0] = False
    kept(wire, "new")
    clock.sleep(REREAD_S)
    assert stores.keys()["access_key_id"] == "new"


@pytest.mark.servers
def test_a_store_that_has_revoked_the_old_keys_is_read_with_the_new_ones(tmp_path: Path) -> None:
    with seaweed.object_store(tmp_path / "store") as real:
        folder = tmp_path / "keys"
        folder.mkdir()
        settings = SETTINGS.model_copy(update={"endpoint": real.url})
        store = Stores(settings, no_api(), "fraud", mounted(folder, "revoked")).open("sluice")
        with pytest.raises(Unreachable, match="403"):
            object_store.put(store, "a", b"1")
        mounted(folder, real.access, real.secret)

        def written() -> bool:
            with suppress(Unreachable):
                object_store.put(store, "a", b"1")
                return True
            return False

        # The library asks for keys at most every 0.1 s.
        wait_until(written, 5, "the new keys")
        assert object_store.fetch(store, "a") == b"1"


@pytest.mark.parametrize("name", ["reaper", "relay"])
def test_the_files_are_where_every_pod_of_ours_has_them(name: str) -> None:
    """A step's has them there by either engine (`tests/pipelines/test_parity.py`)."""
    assert str(MOUNTED) == pods.STORE_FILES
    pod = next(yaml.safe_load_all((BASE / f"{name}.yaml").read_text()))["spec"]["template"]["spec"]
    mounts = {each["name"]: each["mountPath"] for each in pod["containers"][0]["volumeMounts"]}
    (volume,) = [each for each in pod["volumes"] if "secret" in each]
    assert volume["secret"] == {"secretName": pods.STORE, "optional": True}
    assert mounts[volume["name"]] == str(MOUNTED)
