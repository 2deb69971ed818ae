"""Numbers of flags."""

import pytest
from click.testing import CliRunner

from cli import sluice


@pytest.mark.parametrize(
    "arguments",
    [
        *(["simulate", f"--share={number}"] for number in ("nan", "inf")),
        *(["simulate", f"--onset={number}"] for number in ("nan", "²", "٣")),
        *(["reap", f"--every={number}"] for number in ("nan", "inf", "-1", "0")),
        ["judge", "--policy=none.yaml", "--prometheus=http://127.0.0.1:1", "--weight=nan"],
        ["judge", "--policy=none.yaml", "--prometheus=http://127.0.0.1:1", "--from=nan"],
    ],
)
def test_what_is_no_finite_number_is_a_usage_error(arguments: list[str]) -> None:
    done = CliRunner().invoke(sluice, arguments)
    assert (done.exit_code, done.exception) == (2, done.exception)
    assert isinstance(done.exception, SystemExit)
