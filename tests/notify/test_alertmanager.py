"""Alerts through the real Alertmanager to a real server, and what a dead one loses: nothing."""

import httpx
import pytest

from components.errors import PlatformError, Unreachable
from components.notify import Alertmanager, trial
from components.platform import Moment
from components.release.reaper import Reaper
from dashboards import rules
from tests.support.messages import Inbox, Messenger, now
from tests.support.waiting import wait_until
from tests.support.worlds import NAME, Scene, quick

WHOSE = {"namespace": "local", "endpoint": "a"}


def labels(name: str, **more: str) -> dict[str, str]:
    """The labels that the rules give to an alert of the name."""
    found = next(
        rule["labels"]
        for group in rules.groups()
        for rule in group["rules"]
        if rule.get("alert") == name and more.items() <= (rule["labels"] | more).items()
    )
    return {"alertname": name, **found, **more}


def test_alerts_of_one_endpoint_arrive_together_and_resolve(
    alertmanager: Messenger, mail: Inbox
) -> None:
    fired = [labels("QueueAtLimit", **WHOSE, model_version=each) for each in ("1", "2")]
    alertmanager.fire(*fired)
    wait_until(lambda: "QueueAtLimit" in mail.alerts("/page"), 15, "the page")
    # What an earlier test fired may be told once more.
    group = {"alertname": "QueueAtLimit", **WHOSE}
    (first,) = (each for each in mail.messages("/page") if each["groupLabels"] == group)
    assert [each["labels"] for each in first["alerts"]] == fired
    sent = {headers["Authorization"] for path, _, headers in mail.got if path == "/page"}
    assert sent == {"Bearer let-me-in"}
    alertmanager.fire(*fired, over=True)
    wait_until(lambda: mail.messages("/page", "resolved") != [], 15, "that it is over")
    assert mail.messages("/ticket") == []


def test_a_page_keeps_the_tickets_of_its_promise_back_and_no_others(
    alertmanager: Messenger, mail: Inbox
) -> None:
    page = labels("AvailabilityBurn", **WHOSE)
    assert page["severity"] == "page"
    alertmanager.fire(page)
    wait_until(lambda: mail.alerts("/page") != [], 15, "the page")
    kept_back = labels("ErrorRateHigh", **WHOSE, model_version="2")
    others = (
        labels("ErrorRateHigh", namespace="local", endpoint="b", model_version="2"),
        labels("ReleaseHeld", **WHOSE),
    )
    alertmanager.fire(kept_back, *others)
    wait_until(lambda: len(mail.messages("/ticket")) == 2, 15, "two tickets")
    assert sorted(mail.alerts("/ticket")) == ["ErrorRateHigh", "ReleaseHeld"]
    assert {
        each["labels"]["endpoint"]
        for body in mail.messages("/ticket")
        for each in body["alerts"]
        if each["labels"]["alertname"] == "ErrorRateHigh"
    } == {"b"}


def test_what_stands_on_the_gateways_counters_is_kept_back_without_them(
    alertmanager: Messenger, mail: Inbox
) -> None:
    alertmanager.fire(labels("GatewayNotScraped", job="gateway"))
    wait_until(lambda: mail.alerts("/page") == ["GatewayNotScraped"], 15, "the page")
    alertmanager.fire(
        labels("AvailabilityBurn", **WHOSE),
        labels("PredictorNotScraped", **WHOSE, model_version="1"),
        labels("LeaseExpired", **WHOSE),
    )
    wait_until(lambda: "LeaseExpired" in mail.alerts("/page"), 15, "another page")
    assert mail.alerts("/page") == ["GatewayNotScraped", "LeaseExpired"]
    assert mail.messages("/ticket") == []


def test_one_each_of_what_is_tried_arrives_where_it_should(
    alertmanager: Messenger, mail: Inbox
) -> None:
    server = Alertmanager(alertmanager.url)
    for moment in trial(now()):
        server.post(moment, now())
    paths = ("/page", "/ticket", "/event")
    wait_until(lambda: all(mail.alerts(path) == ["NotifyTest"] for path in paths), 15, "one each")


@pytest.fixture
def released(alertmanager: Messenger) -> Scene:
    """A platform that tells people through the Alertmanager."""
    found = quick()
    server = Alertmanager(alertmanager.url)
    found.world.messenger = lambda moment: server.post(moment, now())
    return found


def test_an_alertmanager_that_is_killed_in_mid_release_loses_no_moment(
    released: Scene, alertmanager: Messenger, mail: Inbox
) -> None:
    reaper = Reaper(released.world.platform)
    released.world.clock.after(30, alertmanager.kill)
    assert released.walk("2", "r").outcome == "promoted"
    assert released.one_version("r") == "promoted"
    assert released.world.platform.moments.kept() == ["r"]
    (said,) = reaper.run()
    assert said.startswith("people are not told yet: Alertmanager at http://127.0.0.1:")
    assert reaper.run() == []
    alertmanager.start()
    assert reaper.run() == []
    assert released.world.platform.moments.kept() == []
    wait_until(lambda: mail.messages("/event") != [], 15, "the event")
    ((told,),) = (body["alerts"] for body in mail.messages("/event"))
    assert told["labels"] == {
        "alertname": "ReleaseEnded",
        "severity": "event",
        "endpoint": NAME,
        "model_version": "2",
        "outcome": "promoted",
        "release": "r",
    }
    ended = released.state("r").reason
    assert told["annotations"] == {
        "summary": f"demo version 2: promoted: {ended}",
        "mend": "sluice show r",
        "runbook_url": "docs/runbooks.md#releaseended",
    }


def test_a_moment_that_is_told_twice_arrives_once(alertmanager: Messenger, mail: Inbox) -> None:
    server = Alertmanager(alertmanager.url)
    moment = Moment({"alertname": "ReleaseEnded", "severity": "event", "release": "r"}, {}, now())
    server.post(moment, now())
    wait_until(lambda: mail.messages("/event") != [], 15, "the event")
    server.post(moment, now())
    server.post(Moment({**moment.labels, "release": "s"}, {}, now()), now())
    wait_until(lambda: len(mail.messages("/event")) == 2, 15, "the other event")
    assert [
        each["labels"]["release"] for body in mail.messages("/event") for each in body["alerts"]
    ] == ["r", "s"]


def test_a_moment_whose_labels_are_none_is_refused(alertmanager: Messenger) -> None:
    with pytest.raises(PlatformError, match="Alertmanager refuses") as caught:
        Alertmanager(alertmanager.url).post(Moment({"not a name": "x"}, {}, now()), now())
    assert not isinstance(caught.value, Unreachable)


@pytest.mark.parametrize("status", [500, 503])
def test_an_alertmanager_that_cannot_now_may_be_asked_again(status: int) -> None:
    wire = httpx.MockTransport(lambda _: httpx.Response(status))
    with pytest.raises(Unreachable, match=f"answers {status}"):
        Alertmanager("http://a", wire).post(Moment({"alertname": "X"}, {}, now()), now())
