"""The platform's connections: by what they are told alone, and quick to say that nobody answers."""

import os
from contextlib import closing
from typing import cast

import pytest

from components.errors import InputError, Unreachable
from components.platform import Platform
from components.platform.objects import ObjectEndpoints
from components.registry import Registry, register
from local import lifecycle
from local.home import Home
from local.platform.connect import connect
from local.servers import ports, seaweed


def test_connecting_changes_no_environment_variable(platform: Platform) -> None:
    before = dict(os.environ)
    connect()
    assert dict(os.environ) == before


def test_what_a_user_s_environment_says_of_other_stores_is_not_followed(
    platform: Platform, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = f"http://127.0.0.1:{ports.choose(1)[0]}"
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, nobody)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.setenv(name, "another")
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    connected = connect()
    assert connected.records.append("told", 0, b"{}\n")
    assert connected.records.read("told", 0) == [b"{}\n"]
    with closing(cast(Registry, connected.registry)) as registry:
        assert registry.find_run("told", "tag", "value") is None
    connected.files.write("s3://datasets/told.csv", b"a")
    assert connected.files.read("s3://datasets/told.csv", 10) == b"a"


PROXIES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy")


def test_no_proxy_of_the_environment_stands_before_the_platform_s_own_servers(
    platform: Platform, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = f"http://127.0.0.1:{ports.choose(1)[0]}"
    for name in PROXIES:
        monkeypatch.setenv(name, nobody)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("no_proxy", "other.example")
    with closing(Registry(platform.registry.url)) as registry:
        assert registry.find_run("told", "tag", "value") is None
    with closing(seaweed.client(home, ports.kept(home)["s3"])) as client:
        assert client.list_buckets()["Buckets"]
    server = register.client(platform.registry.url)
    assert server.search_registered_models() is not None
    assert os.environ["NO_PROXY"] == "127.0.0.1"
    assert os.environ["no_proxy"] == "other.example,127.0.0.1"
    assert platform.metrics.sample("none", ["1"], 60).versions
    assert all(line.state == "ok" for line in lifecycle.status(home))


def test_a_segment_is_taken_once(platform: Platform) -> None:
    assert platform.records.append("once", 0, b"one\n")
    assert not platform.records.append("once", 0, b"two\n")
    assert platform.records.append("once", 0, b"one\n")
    assert platform.records.read("once", 0) == [b"one\n"]


def test_an_endpoint_that_is_not_known_is_told_how_to_be(platform: Platform) -> None:
    with pytest.raises(InputError, match="sluice apply"):
        platform.endpoints.load("never-applied")


@pytest.mark.timeout(60)
def test_a_store_that_is_dead_is_told_soon(platform: Platform, home: Home) -> None:
    dead = ObjectEndpoints(seaweed.store(home, ports.choose(1)[0], seaweed.BUCKET))
    with pytest.raises(Unreachable, match="the object store did not take or give"):
        dead.names()


def test_the_platform_s_buckets_are_there_before_anything_is_written(home: Home) -> None:
    with closing(seaweed.client(home, ports.kept(home)["s3"])) as client:
        buckets = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
    assert buckets >= set(seaweed.BUCKETS)
