"""Who merely looks reads records with a key that merely reads: a store as manifests run it."""

import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import obstore
import pytest
import yaml
from obstore.exceptions import BaseError

from cluster import passwords
from cluster.api import Api
from cluster.kinds import SECRET
from cluster.settings import Store
from cluster.stores import Stores
from components.platform import wait_for
from components.platform.objects import ObjectRecords
from local.servers import seaweed
from tests.support.accounts import as_user
from tests.support.predictors import free_port
from tests.support.roles import bind

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

MANIFEST = Path(__file__).parents[2] / "manifests/components/stores/store.yaml"
DRAWN = {name: f"{name}-{'a' * 40}" for name in passwords.NAMES}
READER = "sluice-store-reader"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The store by the manifest's own flags, with its Secrets' content."""
    folder = tmp_path_factory.mktemp("store")
    made = {each["metadata"]["name"]: each for each in passwords.objects(DRAWN, [])}
    identities = folder / "identities.json"
    identities.write_text(made["sluice-readers"]["stringData"]["identities.json"])
    pod = next(yaml.safe_load_all(MANIFEST.read_text()))["spec"]["template"]["spec"]
    ports = {name: free_port() for name in ("s3", "master", "volume", "filer")}
    own = {
        "-dir": str(folder),
        "-s3.port": str(ports["s3"]),
        "-s3.ip.bind": "127.0.0.1",
        "-s3.config": str(identities),
        **{f"-{name}.port": str(ports[name]) for name in ("master", "volume", "filer")},
        **{f"-{name}.port.grpc": str(free_port()) for name in ("s3", "master", "volume", "filer")},
    }
    given = [each.partition("=")[0] for each in pod["containers"][0]["args"]]
    kept = [each for each in pod["containers"][0]["args"] if each.partition("=")[0] not in own]
    assert "-s3.config" in given
    flags = [*kept, *(f"{name}={value}" for name, value in own.items())]
    environment = {"HOME": str(folder), "PATH": "/usr/bin", **made["sluice-store"]["stringData"]}
    url = f"http://127.0.0.1:{ports['s3']}"
    with (folder / "log").open("wb") as log:
        command = [str(seaweed.binary()), *flags]
        running = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=folder)
        try:
            wait_for(lambda: _answers(url), 60, 0.2, (folder / "log").read_text)
            yield url
        finally:
            running.kill()
            running.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/status", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture
def settings(address: str, kubernetes: Api, team: str) -> Iterator[Store]:
    keys = {"sluice-store": "store", READER: "reader"}
    users = {"sluice-store": "sluice", READER: passwords.READER}
    for name, password in keys.items():
        content = {"AWS_ACCESS_KEY_ID": users[name], "AWS_SECRET_ACCESS_KEY": DRAWN[password]}
        kubernetes.apply(SECRET, team, SECRET.object({"name": name}, stringData=content))
    yield Store(uri="s3://sluice", endpoint=address, secret="sluice-store", reader=READER)  # noqa: S106
    for name in keys:
        kubernetes.delete(SECRET, team, name)


def test_who_may_have_the_reader_s_key_alone_reads_records_and_writes_none(
    settings: Store, kubernetes: Api, team: str
) -> None:
    writer = Stores(settings, kubernetes, team).open("sluice")
    wait_for(lambda: _made(settings, kubernetes, team), 60, 0.5, lambda: "no bucket")
    assert ObjectRecords(writer).append("r", 0, b"{}\n")
    rule = {"apiGroups": [""], "resources": ["secrets"], "resourceNames": [READER]}
    bind(kubernetes, "looks", [{**rule, "verbs": ["get"]}], team, "looks")
    with closing(as_user(kubernetes, "looks")) as api:
        store = Stores(settings, api, team).open("sluice")
        assert ObjectRecords(store).read("r", 0) == [b"{}\n"]
        assert ObjectRecords(store).releases() == ["r"]
        for change in (
            lambda: obstore.put(store, "records/r/0", b"other"),
            lambda: obstore.delete(store, "records/r/0"),
        ):
            with pytest.raises((BaseError, OSError)):
                change()
        assert ObjectRecords(writer).read("r", 0) == [b"{}\n"]
        without = settings.model_copy(update={"reader": ""})
        with pytest.raises(BaseError, match="ask for the role"):
            Stores(without, api, team).open("sluice").list_with_delimiter()


def _made(settings: Store, api: Api, team: str) -> bool:
    """Whether the bucket is there, as `cluster.buckets` makes it."""
    import boto3

    from cluster import buckets

    keys = Stores(settings, api, team).keys()
    client = boto3.Session().client(
        "s3",
        endpoint_url=settings.endpoint,
        region_name="us-east-1",
        aws_access_key_id=keys["access_key_id"],
        aws_secret_access_key=keys["secret_access_key"],
    )
    buckets.make(client, ["sluice"])
    return True
