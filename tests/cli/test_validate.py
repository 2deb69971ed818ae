"""`sluice validate` on the price that an endpoint's file names."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.validate import command
from components.cost import prices
from tests.support.bills import midnight
from tests.support.endpoints import endpoint_file


@pytest.mark.parametrize(
    ("price", "code", "said"),
    [
        ("local/machine", 0, "ok: a serves a"),
        ("local/nobody", 1, "a: serving.price: local/nobody is unknown"),
        ("gcp/l4/us-central1/on-demand", 1, "is a GPU's alone"),
        ("Not An Id", 1, "serving.price"),
    ],
)
def test_a_price_is_one_that_bills(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, price: str, code: int, said: str
) -> None:
    read = prices.load().prices[0].retrieved
    monkeypatch.setattr("time.time", lambda: midnight(read))
    file = endpoint_file(tmp_path, "a", serving={"price": price})
    done = CliRunner().invoke(command, [str(file)])
    assert (done.exit_code, len(done.output.splitlines())) == (code, 1)
    assert said in done.output
