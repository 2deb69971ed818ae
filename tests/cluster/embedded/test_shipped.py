from pathlib import Path

import pytest

from cluster.embedded import shipped
from cluster.embedded.families import ETCD


def test_what_was_rendered_once_is_kept_until_it_is_asked_for_with_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert shipped.kept(ETCD, "one", lambda: [{"kind": "One"}]) == [{"kind": "One"}]
    assert shipped.kept(ETCD, "one", lambda: [{"kind": "Two"}]) == [{"kind": "One"}]
    assert shipped.kept(ETCD, "two", lambda: [{"kind": "Two"}]) == [{"kind": "Two"}]
