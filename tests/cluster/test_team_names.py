"""What a team may be called, since its workflows' namespace is called after it."""

from cluster.installation import team_name


def test_a_name_that_leaves_no_room_for_the_workflows_is_told_with_its_mend() -> None:
    (found,) = team_name("t" * 59)
    assert "59 letters" in found.found
    assert "58 at most" in found.fix
    assert list(team_name("t" * 58)) == []
