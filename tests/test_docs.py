"""The documents are true where a machine can tell: links, commands, paths, programs, pictures."""

import ast
import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from obstore.store import MemoryStore

import cli
from cluster import commands as of_cluster
from components import endpoint, plugins
from components.platform.memory import ManualClock
from components.platform.objects import ObjectRecords
from components.record import SCHEMA, Record
from local import commands
from tests.test_layers import MAY_IMPORT, packages

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"^(?:```.*?^```|    \S[^\n]*)|`[^`\n]+`", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"(?<![\w/.-])(?:\.venv/bin/)?sluice ([a-z]+)")
TARGET = re.compile(r"(?<![\w-])make ([a-z-]+)")
PLACE = re.compile(
    r"(?<![\w./<-])(?:benchmarks|cli|components|dashboards|data|docs|endpoints|examples|local"
    r"|pipelines|schemas|tests)/[\w./-]*\w/?(?![\w./<*-])"
)


def code(page: Path) -> Iterator[str]:
    """The pieces of code in a page: its blocks, and what stands in backticks."""
    return (found[0] for found in CODE.finditer(page.read_text(encoding="utf-8")))


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.M)
    return {slug(found[1]) for found in re.finditer(r"^#+ (.+?)\s*$", text, re.MULTILINE)}


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_somewhere(page: Path) -> None:
    lost = []
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            lost.append(link)
    assert lost == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_command_target_and_path_that_a_page_names_is_there(page: Path) -> None:
    if page.name == "CHANGELOG.md":
        return  # it names what there was
    brought = [name for package in plugins.tools() for name in package.COMMANDS]
    known = {*cli.COMMANDS, *commands.COMMANDS, *of_cluster.COMMANDS, *brought}
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    pieces = list(code(page))
    lost = {f"sluice {name}" for each in pieces for name in COMMAND.findall(each)}
    lost -= {f"sluice {name}" for name in known}
    lost |= {name for each in pieces for name in TARGET.findall(each)} - targets
    lost |= {path for each in pieces for path in PLACE.findall(each) if not _is_there(path)}
    assert lost == set()


def _is_there(path: str) -> bool:
    """True as well of a path with a part in capitals, which stands for the reader's own."""
    return (ROOT / path).exists() or any(part.isupper() for part in re.split(r"[/.]", path))


def test_the_check_sees_what_it_is_to_see() -> None:
    assert COMMAND.findall("$ .venv/bin/sluice up; sluice replay X") == ["up", "replay"]
    assert PLACE.findall("see cli/judge/ and tests/a.py") == ["cli/judge/", "tests/a.py"]
    assert len(PAGES) > 20


def block(page: str, language: str, containing: str = "") -> str:
    """The page's first block of that language that has a certain text."""
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks: list[str] = re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return next(found for found in blocks if containing in found)


def verified(record: Path) -> "subprocess.CompletedProcess[str]":
    program = block("docs/record.md", "python")
    return subprocess.run(
        [sys.executable, "-c", program, str(record)], capture_output=True, text=True, check=False
    )


def test_the_program_that_verifies_a_record_does(tmp_path: Path) -> None:
    record = Record(ObjectRecords(MemoryStore()), "r", ManualClock())
    for detail in ("one", 'with ,"hash":" in it', "ünd Umlaute\n\u2028"):
        record.note("any", detail)
    path, content = tmp_path / "record.jsonl", record.content()
    path.write_bytes(content)
    done = verified(path)
    assert done.stdout == f"3 lines, the last hash is {record.lines()[-1].hash}\n", done.stderr
    first, second, third = content.splitlines(keepends=True)
    for altered in (content.replace(b"one", b"two"), first + third, second + first + third):
        path.write_bytes(altered)
        assert "was changed, removed, added or moved" in verified(path).stderr


def test_the_page_of_records_tells_of_the_newest_schema() -> None:
    text = (DOCS / "record.md").read_text(encoding="utf-8")
    assert f"\n| {SCHEMA} | " in text
    assert f"\n| {SCHEMA + 1} | " not in text
    assert f"This version writes {SCHEMA} " in text


def test_the_example_of_a_test_passes() -> None:
    names: dict[str, Any] = {}
    exec(block("CONTRIBUTING.md", "python", "scene"), names)  # noqa: S102 our own document
    tests = [value for name, value in names.items() if name.startswith("test_")]
    assert tests
    for test in tests:
        test()


def test_the_tutorial_s_endpoint_is_one() -> None:
    found = endpoint.parse(block("docs/tutorial.md", "yaml"), "tutorial.md")
    assert found.serving.runtime == "mlflow"


def test_the_table_of_folders_is_the_one_that_is_checked() -> None:
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)/` \|[^|]*\| ([^|]*) \|$", text, re.MULTILINE)
    told = {name: set(re.findall(r"`([\w.]+)`", cell)) for name, cell in rows}
    present = set(packages())
    for name in present & MAY_IMPORT.keys():
        wanted = {each for each in MAY_IMPORT[name] if each.partition(".")[0] in present}
        assert told[name] == wanted, name


VARIABLE = re.compile(r"\bSLUICE_[A-Z_]+[A-Z]\b")


def variables_in_code() -> set[str]:
    """Our own by their prefix; any other that shipped code reads from, or sets in, `os.environ`."""
    found = set()
    for folder in (*packages(), ".ci"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in {".py", ".sh", ""} and path.is_file() and path != Path(__file__):
                text = path.read_text(encoding="utf-8")
                found |= set(VARIABLE.findall(text))
                if folder in MAY_IMPORT and path.suffix == ".py":
                    found |= set(_of_environ(ast.parse(text)))
    return found


def _of_environ(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case (
                ast.Subscript(value=ast.Attribute(attr="environ"), slice=ast.Constant(str(name)))
                | ast.Call(
                    func=ast.Attribute(value=ast.Attribute(attr="environ")),
                    args=[ast.Constant(str(name)), *_],
                )
            ):
                yield name


def test_every_variable_of_the_environment_is_on_its_page() -> None:
    text = (DOCS / "environment.md").read_text(encoding="utf-8")
    told = set(re.findall(r"`([A-Z_][A-Z0-9_]+)`", text))
    code = variables_in_code()
    assert code - told == set()
    assert set(filter(VARIABLE.fullmatch, told)) - code == set()
    assert {"SLUICE_HOME", "SLUICE_ENGINE", "TOKENIZERS_PARALLELISM"} <= code


def test_every_decision_is_in_the_index() -> None:
    index = (DOCS / "decisions" / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"\]\((\d{3}-[\w-]+\.md)\)", index)
    there = sorted(path.name for path in (DOCS / "decisions").glob("[0-9]*.md"))
    assert listed == there
    assert [int(name[:3]) for name in there] == list(range(1, len(there) + 1))


def test_the_pictures_are_those_that_the_script_draws() -> None:
    spec = importlib.util.spec_from_file_location("pictures", DOCS / "pictures.py")
    assert spec
    assert spec.loader
    pictures = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(pictures)
    for name, text in pictures.drawn().items():
        assert (DOCS / name).read_text(encoding="utf-8") == text, "run python docs/pictures.py"


def test_the_hooks_before_a_commit_run_what_make_check_runs() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    (repository,) = hooks["repos"]
    assert repository["repo"] == "local"
    rules = (ROOT / "Makefile").read_text(encoding="utf-8").split("\n\n")
    recipes = [rule.splitlines()[1:] for rule in rules if rule.startswith(("check:", "audit:"))]
    run = {line.strip().replace("$(BIN)", ".venv/bin") for recipe in recipes for line in recipe}
    assert {hook["entry"] for hook in repository["hooks"]} == run
