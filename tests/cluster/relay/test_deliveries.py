"""Who may give a hint: MLflow, in time, once; and what of its body is read."""

import base64
import hashlib
import hmac
import json

import pytest

from cluster.relay.deliveries import (
    MOST_KNOWN,
    WINDOW_S,
    Candidate,
    Deliveries,
    Refused,
    candidate,
)

SECRET, NOW = "s" * 32, 1_800_000_000.0


def signed(
    body: bytes, number: str = "d1", stamp: str = str(int(NOW)), key: str = SECRET
) -> dict[str, str]:
    """The headers that MLflow sends (`mlflow.webhooks.delivery`)."""
    mac = hmac.new(key.encode(), f"{number}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "x-mlflow-delivery-id": number,
        "x-mlflow-timestamp": stamp,
        "x-mlflow-signature": "v1," + base64.b64encode(mac).decode(),
    }


def test_the_signature_is_the_one_that_mlflow_makes() -> None:
    from mlflow.webhooks.constants import (
        WEBHOOK_DELIVERY_ID_HEADER,
        WEBHOOK_SIGNATURE_HEADER,
        WEBHOOK_TIMESTAMP_HEADER,
    )
    from mlflow.webhooks.delivery import _generate_hmac_signature

    body = '{"a": "é"}'
    headers = {
        WEBHOOK_DELIVERY_ID_HEADER.lower(): "d1",
        WEBHOOK_TIMESTAMP_HEADER.lower(): str(int(NOW)),
        WEBHOOK_SIGNATURE_HEADER.lower(): _generate_hmac_signature(
            SECRET, "d1", str(int(NOW)), body
        ),
    }
    assert Deliveries(SECRET).check(headers, body.encode(), NOW) == "d1"


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"x-mlflow-signature": "v1,AAAA"}, 401),
        ({"x-mlflow-signature": ""}, 401),
        ({"x-mlflow-signature": "\udcff\u2028"}, 401),
        ({"x-mlflow-delivery-id": "d2"}, 401),
        ({"x-mlflow-timestamp": str(int(NOW) + 1)}, 401),
        (signed(b"x"), 401),
        (signed(b"{}", key="other"), 401),
        (signed(b"{}", number=""), 401),
        (signed(b"{}", stamp="soon"), 401),
        (signed(b"{}", stamp="¹"), 401),
        (signed(b"{}", stamp=str(int(NOW) - WINDOW_S - 1)), 401),
        (signed(b"{}", stamp=str(int(NOW) + WINDOW_S + 1)), 401),
    ],
)
def test_what_is_not_mlflow_s_or_not_in_time_is_refused(
    changed: dict[str, str], status: int
) -> None:
    with pytest.raises(Refused) as refused:
        Deliveries(SECRET).check(signed(b"{}") | changed, b"{}", NOW)
    assert refused.value.status == status


def test_without_headers_nothing_is_taken() -> None:
    with pytest.raises(Refused):
        Deliveries(SECRET).check({}, b"", NOW)


def test_a_relay_without_a_secret_is_none() -> None:
    with pytest.raises(ValueError, match="secret"):
        Deliveries("")


def test_a_delivery_is_dealt_with_once_and_until_then_may_come_again() -> None:
    deliveries = Deliveries(SECRET)
    assert deliveries.check(signed(b"{}"), b"{}", NOW) == "d1"
    assert deliveries.check(signed(b"{}"), b"{}", NOW) == "d1"
    deliveries.dealt_with("d1", NOW)
    with pytest.raises(Refused) as refused:
        deliveries.check(signed(b"{}"), b"{}", NOW + 1)
    assert refused.value.status == 409


def test_what_is_remembered_is_bounded_and_outlives_the_window() -> None:
    deliveries = Deliveries(SECRET)
    for number in range(2 * MOST_KNOWN):
        deliveries.dealt_with(f"old{number}", NOW)
    assert len(deliveries._known) == MOST_KNOWN
    deliveries.dealt_with("d1", NOW + 3 * WINDOW_S)
    assert deliveries._known.keys() == {"d1"}
    # A clock may be ahead by the window, so a number is kept for two.
    ahead = signed(b"{}", stamp=str(int(NOW + 4 * WINDOW_S)))
    deliveries.dealt_with("d2", NOW + 4 * WINDOW_S)
    with pytest.raises(Refused):
        deliveries.check(ahead, b"{}", NOW + 5 * WINDOW_S - 1)


def told(entity: str = "model_version_alias", action: str = "created", **data: object) -> bytes:
    said = {"name": "demo", "alias": "candidate", "version": "2"} | data
    return json.dumps(
        {"entity": entity, "action": action, "timestamp": "now", "data": said}
    ).encode()


def test_only_a_candidate_s_alias_is_a_hint() -> None:
    assert candidate(told()) == Candidate("demo", "2")
    assert candidate(told(alias="champion")) is None
    assert candidate(told(action="deleted")) is None
    assert candidate(told(entity="prompt_alias")) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"\xff",
        b"{" * 9000,
        b"[" * 9000,
        b'{"entity": 1}',
        told(version=2),
        told(name=None),
        told(name=["demo"]),
    ],
)
def test_a_body_of_another_form_is_refused(body: bytes) -> None:
    with pytest.raises(Refused) as refused:
        candidate(body)
    assert refused.value.status == 400
