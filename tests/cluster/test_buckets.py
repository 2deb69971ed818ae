"""A store that starts empty gets its buckets, and keeps what it has."""

from pathlib import Path

import boto3
import pytest
from botocore.config import Config

from cluster import buckets
from tests.support.seaweed import object_store

NOBODY = "http://127.0.0.1:9"


def test_a_store_that_does_not_answer_in_time_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setattr(buckets, "_PATIENCE_S", 0.01)
    monkeypatch.setattr(buckets, "_EVERY_S", 0.01)
    with pytest.raises(SystemExit) as ended:
        buckets.main(NOBODY, ["sluice"])
    assert str(ended.value).startswith(f"{NOBODY}: Could not connect")


@pytest.mark.servers
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
