"""Moments: kept until somebody has taken them; telling them again is harmless."""

import time

from components.platform import Moment
from tests.support.rigs import Rig


def moment(name: str) -> Moment:
    labels = {"alertname": "NotifyTest", "severity": "event", "release": name}
    return Moment(labels, {"summary": "ein Größe 名前"}, time.time())


def test_what_is_kept_is_told_and_kept_no_longer(rig: Rig) -> None:
    moments = rig.platform.moments
    names = [rig.name("told"), f"{rig.name('told')}/../Größe 名前"]
    for name in (*names, names[0]):
        moments.keep(name, moment(name))
    # A platform's reaper may be telling them, too.
    assert moments.tell() == []
    assert set(names).isdisjoint(moments.kept())
    assert moments.tell() == []


def test_a_moment_is_told_at_once(rig: Rig) -> None:
    rig.platform.moments.post(moment(rig.name("posted")))
