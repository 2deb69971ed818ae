"""A page in a real browser."""

import subprocess
from pathlib import Path

import pytest

GET_CHROMIUM = Path(__file__).parent.parent / "get_chromium.sh"
_FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --hide-scrollbars"
    " --disable-background-networking --disable-component-update --disable-sync"
    " --enable-logging=stderr --host-resolver-rules=MAP~*~~NOTFOUND"
)


def find() -> str:
    """The program; where there is none, the test that asks is left out."""
    found = subprocess.run(["/bin/sh", GET_CHROMIUM], capture_output=True, text=True, check=False)
    if found.returncode != 0:
        pytest.skip(found.stderr.splitlines()[-1])
    return found.stdout.split()[0]


def opened(
    chromium: str, page: Path, profile: Path, *flags: str
) -> "subprocess.CompletedProcess[str]":
    """What the browser prints of a page, by its flags: the DOM, or its complaints."""
    command = [chromium, *(flag.replace("~", " ") for flag in _FLAGS.split())]
    return subprocess.run(
        [*command, f"--user-data-dir={profile}", *flags, page.as_uri()],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
