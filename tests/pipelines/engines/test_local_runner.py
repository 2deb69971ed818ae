"""`kfp.local`, made safe: what raw kfp.local 2.17 gets wrong must be an error here."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from kfp import compiler, dsl

from components.errors import InputError
from pipelines.engines import local_runner
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow


@dsl.component(base_image="python", install_kfp_package=False)
def say(folder: str, word: str) -> NamedTuple("Said", [("word", str), ("length", int)]):  # type: ignore[valid-type]
    from pathlib import Path

    with Path(folder, "said").open("a") as file:
        file.write(word + "\n")
    return (word, len(word))


@dsl.component(base_image="python", install_kfp_package=False)
def fail(folder: str) -> str:
    raise RuntimeError(folder)


@dsl.component(base_image="python", install_kfp_package=False)
def linger(folder: str) -> str:
    import os
    import time
    from pathlib import Path

    Path(folder, "pid").write_text(str(os.getpid()))
    time.sleep(60)
    return ""


def package(pipeline: Callable[..., Any], folder: Path) -> Path:
    target = folder / "pipeline.yaml"
    compiler.Compiler().compile(pipeline, str(target))
    return target


def said(folder: Path) -> list[str]:
    return (folder / "said").read_text().split()


def test_nested_branches_on_named_outputs_run_as_written(tmp_path: Path) -> None:
    @dsl.pipeline
    def nested(folder: str, first: str, second: str) -> None:
        with dsl.ExitHandler(say(folder=folder, word="exit")):
            one = say(folder=folder, word=first)
            with dsl.If(one.outputs["word"] == "go"):
                two = say(folder=folder, word=second)
                with dsl.If(two.outputs["word"] == "go"):
                    say(folder=folder, word="through")
                with dsl.Else():
                    say(folder=folder, word="back-2")
            with dsl.Else():
                say(folder=folder, word="back-1")

    compiled = package(nested, tmp_path)
    for first, second, expected in (
        ("go", "go", ["go", "go", "through", "exit"]),
        ("go", "stop", ["go", "stop", "back-2", "exit"]),
        ("stop", "go", ["stop", "back-1", "exit"]),
    ):
        (tmp_path / "said").unlink(missing_ok=True)
        arguments = {"folder": str(tmp_path), "first": first, "second": second}
        local_runner.run(compiled, arguments)
        assert said(tmp_path) == expected


def test_an_if_without_an_else_on_a_named_output_is_refused(tmp_path: Path) -> None:
    @dsl.pipeline
    def bare(folder: str) -> None:
        one = say(folder=folder, word="go")
        with dsl.If(one.outputs["word"] == "go"):
            say(folder=folder, word="through")

    with pytest.raises(InputError, match="an If without an Else is skipped silently"):
        local_runner.run(package(bare, tmp_path), {"folder": str(tmp_path)})
    assert not (tmp_path / "said").exists()


def test_a_condition_on_text_that_could_be_code_is_refused(tmp_path: Path) -> None:
    @dsl.pipeline
    def quoted(folder: str) -> None:
        one = say(folder=folder, word="go")
        with dsl.If(one.outputs["word"] == "it's"):
            say(folder=folder, word="through")
        with dsl.Else():
            say(folder=folder, word="back")

    with pytest.raises(InputError, match="plain words only"):
        local_runner.run(package(quoted, tmp_path), {"folder": str(tmp_path)})


def test_a_loop_is_refused(tmp_path: Path) -> None:
    @dsl.pipeline
    def loop(folder: str) -> None:
        with dsl.ParallelFor(["a", "b"]) as word:
            say(folder=folder, word=word)

    with pytest.raises(InputError, match="unroll the loop"):
        local_runner.run(package(loop, tmp_path), {"folder": str(tmp_path)})


def test_a_container_component_is_refused(tmp_path: Path) -> None:
    @dsl.container_component
    def echo() -> dsl.ContainerSpec:
        return dsl.ContainerSpec(image="busybox", command=["echo"])

    @dsl.pipeline
    def container() -> None:
        echo()

    with pytest.raises(InputError, match="cannot run locally"):
        local_runner.run(package(container, tmp_path), {})


def test_a_failed_task_fails_the_run_and_the_exit_handler_still_runs(tmp_path: Path) -> None:
    @dsl.pipeline
    def failing(folder: str) -> None:
        with dsl.ExitHandler(say(folder=folder, word="exit")):
            fail(folder=folder)

    with pytest.raises(local_runner.PipelineFailed, match="fail"):
        local_runner.run(package(failing, tmp_path), {"folder": str(tmp_path)})
    assert said(tmp_path) == ["exit"]


def test_sigterm_ends_the_running_task_and_nothing_is_left_behind(tmp_path: Path) -> None:
    @dsl.pipeline
    def slow(folder: str) -> None:
        linger(folder=folder)

    compiled = package(slow, tmp_path)
    program = (
        "import sys, json, pathlib; from pipelines.engines import local_runner\n"
        "try: local_runner.run(pathlib.Path(sys.argv[1]), json.loads(sys.argv[2]))\n"
        "except local_runner.Terminated: sys.exit(42)"
    )
    arguments = json.dumps({"folder": str(tmp_path)})
    engine = subprocess.Popen([sys.executable, "-c", program, str(compiled), arguments])
    pid = tmp_path / "pid"
    wait_until(lambda: pid.exists() and pid.read_text() != "", 60, "the task's process")
    engine.send_signal(signal.SIGTERM)
    assert engine.wait(timeout=30) == 42
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


def test_the_committed_releases_pass_the_lint() -> None:
    from pipelines import compiler as forms

    for watched in forms.WATCHED_STEPS:
        assert local_runner.lint(forms.structure(forms.committed(watched))) == []


def test_what_a_cluster_s_pods_are_given_is_not_given_here() -> None:
    """Its environment would choose another platform, its retries repeat what has failed."""
    from pipelines import compiler as forms

    spec = forms.structure(forms.committed(2))
    here = local_runner.without_pods(spec)
    for name, executor in here["deploymentSpec"]["executors"].items():
        container = spec["deploymentSpec"]["executors"][name]["container"]
        kept = {key: container[key] for key in ("args", "command")}
        assert executor["container"] == {**kept, "image": "python"}
    text = yaml.safe_dump(here)
    assert "retryPolicy" in yaml.safe_dump(spec)
    assert "retryPolicy" not in text
    assert "SLUICE_PLATFORM" not in text
