"""What a request says of its body is believed, within limits, or refused with what is read."""

import gzip
import zlib

import pytest

from components.errors import InputError
from components.predictor.http.body import Kind, decoded, json_length, kind_of
from components.predictor.http.errors import Unsupported, headers_of, status_of
from components.predictor.scheduling.refusals import TooLarge

TEXT = b'{"instances":["hi"]}'


def gzipped(content: bytes) -> bytes:
    """Without the time of day, so that a test is called the same in every process."""
    return gzip.compress(content, mtime=0)


def bare(content: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(content) + stream.flush()


@pytest.mark.parametrize(
    ("codings", "sent"),
    [
        ("identity", TEXT),
        ("", TEXT),
        ("gzip", gzipped(TEXT)),
        ("GZIP", gzipped(TEXT)),
        ("x-gzip", gzipped(TEXT)),
        ("gzip", gzipped(TEXT[:7]) + gzipped(TEXT[7:])),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", bare(TEXT)),
        ("deflate, gzip", gzipped(zlib.compress(TEXT))),
        ("gzip, identity", gzipped(TEXT)),
    ],
)
def test_a_known_coding_is_taken_off(codings: str, sent: bytes) -> None:
    assert decoded(sent, codings, 100) == TEXT


@pytest.mark.parametrize("codings", ["br", "zstd", "compress", "gzip, br", "x", "gzip," * 5])
def test_another_coding_is_415_and_the_answer_names_the_known(codings: str) -> None:
    with pytest.raises(Unsupported, match="send gzip, deflate or identity") as caught:
        decoded(TEXT, codings, 100)
    assert status_of(caught.value) == 415
    assert headers_of(caught.value) == {"accept-encoding": "gzip, deflate, identity"}


@pytest.mark.parametrize(
    ("codings", "sent", "said"),
    [
        ("gzip", TEXT, "is not gzip"),
        ("gzip", b"", "is empty"),
        ("gzip", gzipped(TEXT)[:-3], "cut off"),
        ("gzip", gzipped(TEXT) + b"more", "is not gzip"),
        ("gzip", gzipped(TEXT)[:-8] + b"12345678", "is not gzip"),
        ("gzip", gzipped(b"") * 65, "more than 64 members"),
        ("deflate", b"\xff" * 20, "is not deflate"),
        ("deflate", zlib.compress(TEXT) + b"more", "4 bytes follow"),
        ("deflate", zlib.compress(TEXT)[:-3], "cut off"),
        ("deflate", b"", "cut off"),
    ],
)
def test_a_body_that_is_not_what_the_header_says_is_the_client_s_fault(
    codings: str, sent: bytes, said: str
) -> None:
    with pytest.raises(InputError, match=said) as caught:
        decoded(sent, codings, 100)
    assert status_of(caught.value) == 400


@pytest.mark.parametrize(
    ("codings", "sent"),
    [
        ("gzip", gzipped(bytes(10**7))),
        ("deflate", zlib.compress(bytes(10**7))),
        ("gzip, gzip", gzipped(gzipped(bytes(10**7)))),
        ("gzip", gzipped(bytes(600)) * 2),
    ],
)
def test_a_bomb_is_413_before_it_is_unpacked(codings: str, sent: bytes) -> None:
    with pytest.raises(TooLarge, match="larger than 1000 bytes"):
        decoded(sent, codings, 1000)


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ({}, Kind.JSON),
        ({"content-type": "application/json"}, Kind.JSON),
        ({"content-type": "Application/JSON; charset=UTF-8"}, Kind.JSON),
        ({"content-type": "application/ld+json"}, Kind.JSON),
        ({"content-type": "application/cloudevents+json"}, Kind.EVENT),
        (
            {"content-type": "application/octet-stream", "inference-header-content-length": "1"},
            Kind.BINARY,
        ),
        ({"inference-header-content-length": "1"}, Kind.BINARY),
    ],
)
def test_the_content_type_says_what_a_body_is_and_json_is_the_default(
    headers: dict[str, str], kind: Kind
) -> None:
    assert kind_of(headers) is kind


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "text/plain"},
        {"content-type": "application/xml"},
        {"content-type": "multipart/form-data; boundary=x"},
        {"content-type": "application/octet-stream"},
        {"content-type": "x" * 5000},
    ],
)
def test_any_other_content_type_is_415_and_the_answer_names_the_right_one(
    headers: dict[str, str],
) -> None:
    with pytest.raises(Unsupported, match="'content-type: application/json'") as caught:
        kind_of(headers)
    assert headers_of(caught.value) == {"accept": "application/json"}
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("text", ["-1", "x", "", "4", "+1", " 1", "1.0", "1e0", "٣", "9" * 5000])
def test_a_length_of_the_json_that_the_body_does_not_have_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="the body has 3 bytes"):
        json_length({"inference-header-content-length": text}, b"{}x")


def test_the_json_may_be_all_of_the_body() -> None:
    assert json_length({"inference-header-content-length": "3"}, b"{}x") == 3
