"""A page in a real browser, without a network."""

import subprocess
from pathlib import Path

_FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --hide-scrollbars"
    " --disable-background-networking --disable-component-update --disable-sync"
    " --enable-logging=stderr --host-resolver-rules=MAP~*~~NOTFOUND"
)


def open_page(chromium: str, page: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """Open a page by the browser ``chromium``; its profile is kept beside the page."""
    profile = f"--user-data-dir={page.parent / 'profile'}"
    command = [chromium, *(flag.replace("~", " ") for flag in _FLAGS.split()), profile, *flags]
    return subprocess.run(
        [*command, page.as_uri()], capture_output=True, text=True, check=True, timeout=120
    )
