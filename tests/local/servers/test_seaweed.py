"""The object store's own ports, asked by somebody without a key."""

from pathlib import Path

import grpc
import httpx
import pytest

from components.platform import Platform
from local.home import Home
from local.servers import ports

KEPT = "s3://datasets/kept.csv"
PATHS = (
    "/",
    "/buckets/datasets/kept.csv",
    "/datasets/kept.csv",
    "/buckets/?recursive=true",
    "/1,01aabbccdd",
    "/dir/assign",
    "/dir/lookup?fileId=1,01aabbccdd",
    "/col/delete?collection=datasets",
    "/vol/grow?count=1",
    "/submit",
    "/delete?fid=1,01aabbccdd",
    "/admin/assign_volume?volume=99",
)
CALLS = {
    "s3_master_grpc": "/master_pb.Seaweed/CollectionList",
    "s3_volume_grpc": "/volume_server_pb.VolumeServer/VolumeServerStatus",
    "s3_filer_grpc": "/filer_pb.SeaweedFiler/GetFilerConfiguration",
    "s3_grpc": "/s3_pb.SeaweedS3/Configure",
}


@pytest.fixture(scope="module")
def kept(platform: Platform, home: Home) -> dict[str, int]:
    """The ports of a store that holds a file."""
    platform.files.write(KEPT, b"kept")
    return ports.kept(home)


@pytest.mark.parametrize("name", ["s3", "s3_filer", "s3_master", "s3_volume"])
def test_nobody_reads_writes_or_deletes_over_http_without_a_key(
    platform: Platform, kept: dict[str, int], name: str
) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{kept[name]}", trust_env=False) as client:
        for path in PATHS:
            for method in ("GET", "PUT", "POST", "DELETE"):
                body = None if method == "GET" else {"file": ("x.csv", b"other")}
                answer = client.request(method, path, files=body)
                # The master's own page tells of its version, and of nothing that is stored.
                page = name == "s3_master" and path == "/"
                assert page or answer.status_code in {400, 401, 403, 404, 405}, (method, path)
                assert "authorization" not in answer.headers
    assert platform.files.read(KEPT, 100) == b"kept"


@pytest.mark.parametrize("name", CALLS)
def test_nobody_calls_over_grpc_without_the_certificate(kept: dict[str, int], name: str) -> None:
    part = name.removeprefix("s3_").removesuffix("_grpc") if name != "s3_grpc" else "s3"
    socket = Path("/tmp", f"seaweedfs-{part}-grpc-{kept[name]}.sock")  # noqa: S108 (weed's own)
    assert socket.exists()
    for address in (f"127.0.0.1:{kept[name]}", f"unix:{socket}"):
        with grpc.insecure_channel(address) as channel, pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary(CALLS[name])(b"", timeout=10)
        assert caught.value.code() == grpc.StatusCode.UNAVAILABLE


def test_a_key_opens_it(platform: Platform) -> None:
    large = bytes(20 * 2**20)
    platform.files.write("s3://datasets/large.bin", large)
    assert platform.files.read("s3://datasets/large.bin", len(large)) == large
