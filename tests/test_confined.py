"""Whatever becomes of a process for others' files, who asked gets one line."""

import os
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from components import confined
from components.confined import Ended, Limits

MODULE = "answering"
OF_FILES = Limits.of_files(1000, 60.0)


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = """
        import ctypes, os, socket, subprocess, sys, time

        def answer(asked):
            what, *arguments = asked
            return globals()[what](*arguments)

        def echo(content):
            print("noise", flush=True)
            os.system("echo noise")
            return content

        def crash():
            ctypes.string_at(0)

        def abort():
            os.abort()

        def fail():
            raise ValueError("two\\nlines")

        def memory():
            return len(bytearray(2**42))

        def work():
            while True:
                pass

        def leave():
            sys.exit(3)

        def child():
            subprocess.Popen(["sleep", "600"])
            time.sleep(600)

        def network(port):
            with socket.create_connection(("127.0.0.1", port), 5):
                return "connected"
    """
    (tmp_path / f"{MODULE}.py").write_text(textwrap.dedent(code), encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


def test_the_answer_is_what_the_function_returned_and_not_what_was_printed() -> None:
    content = {"a": [1, 2.5, None, "ä\n"]}
    assert confined.run(MODULE, ["echo", content], OF_FILES) == content


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("crash", "the library that reads it crashed (SIGSEGV)"),
        ("abort", "the library that reads it crashed (SIGABRT)"),
        ("fail", "ended with code 1: lines"),
        ("memory", "it needs more than 9 GiB of memory"),
        ("leave", "ended with code 3: it said nothing"),
    ],
)
def test_an_end_without_an_answer_is_one_line(
    what: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    with pytest.raises(Ended) as caught:
        confined.run(MODULE, [what], Limits.of_files(1000, 60.0))
    assert str(caught.value).endswith(said)


def test_endless_work_ends() -> None:
    with pytest.raises(Ended, match="more than 1 s of the processor"):
        confined.run(MODULE, ["work"], Limits(60.0, processor=1))
    with pytest.raises(Ended, match=r"longer than 0\.5 s"):
        confined.run(MODULE, ["work"], Limits(0.5))


def test_what_the_process_started_ends_with_it() -> None:
    def sleeping() -> set[str]:
        found = set()
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                if path.read_bytes() == b"sleep\x00600\x00":
                    found.add(path.parent.name)
            except OSError:
                continue
        return found

    before = sleeping()
    with pytest.raises(Ended):
        confined.run(MODULE, ["child"], Limits(3.0))
    until = time.monotonic() + 10
    while sleeping() - before and time.monotonic() < until:
        time.sleep(0.05)
    assert sleeping() - before == set()


def test_files_have_no_network_where_the_kernel_lets_an_ordinary_user_take_it_away() -> None:
    unshare = (
        "import ctypes, sys; c = ctypes.CDLL(None).unshare; sys.exit(c(1 << 30) and c(5 << 28))"
    )
    alone = subprocess.run([sys.executable, "-c", unshare], check=False).returncode == 0
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert confined.run(MODULE, ["network", port], Limits(60.0)) == "connected"
        if alone:
            with pytest.raises(Ended, match="unreachable"):
                confined.run(MODULE, ["network", port], OF_FILES)
        else:
            assert confined.run(MODULE, ["network", port], OF_FILES) == "connected"


def test_a_package_in_the_folder_where_somebody_stands_is_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "model"
    (here / "components").mkdir(parents=True)
    (here / "components" / "__init__.py").write_text("raise SystemExit('imported')\n")
    (here / "json.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.chdir(here)
    assert confined.run(MODULE, ["echo", 1], OF_FILES) == 1
