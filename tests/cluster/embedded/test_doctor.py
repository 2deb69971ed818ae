import os
from pathlib import Path

import pytest

from cluster.embedded import doctor
from cluster.embedded.home import Home
from components.errors import PlatformError


def test_what_is_missing_is_named_with_the_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    bad = [finding for finding in doctor.examine(Home(tmp_path)) if finding.fix]
    if os.geteuid() == 0:
        assert {finding.what for finding in bad} >= {"containerd", "runc", "util-linux"}
        assert all(finding.what in finding.fix for finding in bad)
    else:
        assert [finding.fix for finding in bad] == ["run it as root"]


def test_nothing_is_built_where_something_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PlatformError, match=r"apt-get install|run it as root"):
        doctor.refuse(Home(tmp_path))
    assert list(tmp_path.iterdir()) == []
