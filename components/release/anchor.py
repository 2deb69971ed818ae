"""Where an ended record is bound to: its anchor at the model version, and its copy in MLflow.

Neither is ever replaced by what differs: whoever finds a difference says so, and changes nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from components import record
from components.errors import InputError, SluiceError, Unreachable
from components.identity import Identity
from components.platform import ModelRegistry
from components.record import Ended, Fetched, Line, signature
from components.record.finding import Finding
from components.registry import names

RECORD_FILE = "record.jsonl"
"""The record's name among the artifacts of the release's run in MLflow."""

_DIFFERS = "one of the two was altered, and neither is overwritten: see docs/record.md"


def value_of(lines: Sequence[Line]) -> str | None:
    """The anchor of a record: number (from 1) and hash of its end; None if it has no end."""
    for number, line in enumerate(lines, start=1):
        if isinstance(line.body, Ended):
            return f"{number}:{line.hash}"
    return None


def keep(registry: ModelRegistry, lines: Sequence[Line], content: bytes) -> None:
    """Copy an ended record to MLflow, and anchor it at the version; may be repeated.

    Raises:
        InputError: a copy or an anchor stands that differs, or the key cannot be used.
        Unreachable: the registry did not answer.
    """
    head, value = record.opened(lines), value_of(lines)
    wanted = {} if value is None else _tags(head.release_id, value)
    ours = head.identity(head.candidate)
    present = _tags_of(registry, ours)
    if present is None or _is_another(present, ours):  # there is no version to anchor it at
        copy(registry, head.release_id, head.run_id, content)
        return
    for tag, said in wanted.items():
        if present.get(tag, said) != said:
            raise InputError(
                f"the record of {head.release_id} is not the one that the tag {tag} of"
                f" {ours.model} version {ours.version} names: {_DIFFERS}"
            )
    copy(registry, head.release_id, head.run_id, content)
    if missing := {tag: said for tag, said in wanted.items() if tag not in present}:
        registry.tag_version(ours.model, ours.version, missing)


def _tags_of(registry: ModelRegistry, version: Identity) -> Mapping[str, str] | None:
    """The tags of the version of that number; None if the registry has none."""
    try:
        return registry.version(version.model, version.version).tags
    except InputError:
        return None


def _is_another(tags: Mapping[str, str], version: Identity) -> bool:
    """Whether the number is another version's by now."""
    return bool(version.digest) and tags.get(names.MANIFEST_TAG) != version.digest


def copy(registry: ModelRegistry, release_id: str, run_id: str, content: bytes) -> None:
    """Copy a record to the release's run, if what stands there is its beginning.

    Raises:
        InputError: it is not.
        Unreachable: the registry did not answer.
    """
    stands = registry.artifact(run_id, RECORD_FILE)
    if stands is not None and not content.startswith(stands):
        raise InputError(
            f"the record of {release_id} does not go on from its copy in MLflow: {_DIFFERS}"
        )
    if stands != content:
        registry.log_artifact(run_id, RECORD_FILE, content)


def _tags(release_id: str, value: str) -> dict[str, str]:
    tags = {f"{names.RECORD_TAG}.{release_id}": value}
    if key := signature.key():
        tags[f"{names.SIGNATURE_TAG}.{release_id}"] = signature.sign(key, release_id, value)
    return tags


@dataclass(frozen=True)
class Checked:
    """What the registry says of a record."""

    said: str
    """In one line."""
    anchored: bool = False
    """An anchor stands, and it is this record's."""
    findings: tuple[Finding, ...] = ()


def check(registry: ModelRegistry, lines: Sequence[Line]) -> Checked:
    """Hold a record against its anchor, its copy and its signature.

    A registry that does not answer says nothing, which is said.

    Raises:
        InputError: the lines are no release's record, or the key cannot be used.
    """
    head, key = record.opened(lines), signature.key()
    ours = head.identity(head.candidate)
    where = f"{ours.model} version {ours.version}"
    try:
        tags = _tags_of(registry, ours)
        if tags is None:
            return Checked(f"{where} is not in the registry any more, which had its anchor")
        found = [*_run(registry, lines), *_files(registry, lines), *_copy(registry, lines)]
    except Unreachable as error:
        return Checked(f"not held against its anchor: {error}")
    except SluiceError as error:
        return Checked("not held against its anchor", findings=(_first(f"{error}"),))
    value = tags.get(f"{names.RECORD_TAG}.{head.release_id}")
    signed = tags.get(f"{names.SIGNATURE_TAG}.{head.release_id}")
    if value != value_of(lines) and value is not None:
        said = f"{where} was anchored with the end {value}, this record has {value_of(lines)}"
        return Checked("not the record that was anchored", findings=(*found, _last(lines, said)))
    if key and value and not (signed and signature.is_of(key, head.release_id, value, signed)):
        said = "its signature is not by this key" if signed else "it is not signed"
        said += f" ({signature.KEY})"
        return Checked("not signed by this key", True, (*found, _last(lines, said)))
    if value is None:
        return Checked(f"{where} has no anchor of this release", findings=tuple(found))
    by = " and signed by this key" if key else " and signed" if signed else ""
    return Checked(f"anchored at {where}{by}", True, tuple(found))


def _first(said: str) -> Finding:
    return Finding(1, said)


def _last(lines: Sequence[Line], said: str) -> Finding:
    return Finding(len(lines), said)


def _run(registry: ModelRegistry, lines: Sequence[Line]) -> Iterator[Finding]:
    head = record.opened(lines)
    run_id = registry.find_run(names.RELEASES_EXPERIMENT, names.RELEASE_TAG, head.release_id)
    if run_id != head.run_id:
        yield _first(f"its run in MLflow is {run_id}, recorded is {head.run_id}")


def _files(registry: ModelRegistry, lines: Sequence[Line]) -> Iterator[Finding]:
    head = record.opened(lines)
    for number, line in enumerate(lines, start=1):
        for version, stored in line.body.files.items() if isinstance(line.body, Fetched) else ():
            is_ = head.identity(version)
            tags = _tags_of(registry, is_)
            if tags is None:
                continue  # deleted since
            digest = tags.get(names.MANIFEST_TAG)
            if stored.get("digest") != digest:
                said = f"version {version} was registered with the digest {digest}"
                yield Finding(number, f"{said}, recorded is {stored.get('digest')}")


def _copy(registry: ModelRegistry, lines: Sequence[Line]) -> Iterator[Finding]:
    copied = registry.artifact(record.opened(lines).run_id, RECORD_FILE)
    hashes = record.hashes(copied or b"")
    if len(hashes) > len(lines):
        said = f"its copy in MLflow has {len(hashes)} lines, this record {len(lines)}"
        yield Finding(len(lines), said)
    for number, (line, hashed) in enumerate(zip(lines, hashes, strict=False), start=1):
        if line.hash != hashed:
            yield Finding(number, "its copy in MLflow has another line here")
            return
