from pathlib import Path

from cluster.embedded import lifecycle
from cluster.embedded.home import Home


def test_where_no_cluster_runs_there_is_nothing_to_end_and_nothing_is_made(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    assert lifecycle.down(home) is False
    assert not home.path.exists()
