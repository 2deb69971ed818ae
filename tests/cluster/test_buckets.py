"""A store that starts empty gets its buckets, and keeps what it has."""

from pathlib import Path

import boto3
import pytest
from botocore.config import Config

from cluster import buckets
from tests.support.seaweed import object_store

pytestmark = pytest.mark.servers


def test_the_buckets_that_are_not_there_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with object_store(tmp_path) as store:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", store.access)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", store.secret)
        settings = Config(s3={"addressing_style": "path"})
        client = boto3.client(
            "s3", endpoint_url=store.url, region_name="us-east-1", config=settings
        )
        client.put_object(Bucket="sluice", Key="kept", Body=b"1")
        buckets.main(store.url, ["sluice", "added"])
        buckets.main(store.url, ["sluice", "added"])
        assert "added" in {each["Name"] for each in client.list_buckets()["Buckets"]}
        assert client.get_object(Bucket="sluice", Key="kept")["Body"].read() == b"1"
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith("made added buckets")
    assert second.endswith("made no buckets")
