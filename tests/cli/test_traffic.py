"""What `sluice traffic` refuses before it sends anything."""

import pytest
from click.testing import CliRunner

from cli.traffic import command


@pytest.mark.parametrize(
    "flags",
    [
        ["--rps=0"],
        ["--seconds=-1"],
        ["--rps=nan"],
        ["--seconds=nan"],
        ["--rps=5000", "--seconds=9999"],
    ],
)
def test_traffic_without_bound_or_sense_is_a_usage_error(flags: list[str]) -> None:
    assert CliRunner().invoke(command, ["banking77", *flags]).exit_code == 2
