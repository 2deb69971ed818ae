"""Records, files and endpoints in an object store: S3, GCS, Azure, a folder, memory (obstore).

Keys below the store's root:

``records/<release>/<first line>``   one segment, created only if the name is free
``records/<release>/joined``   the segments up to the release's end as one; later ones stand beside
``pending/<release>``   the record is not closed yet
``versions/<digest>/<path>``   a version's verified files; the manifest is written last
``endpoints/<name>.yaml``   an endpoint's file
``moments/<name>``   what happened, and people were not told of yet
``provisioned/``   when predictors were there: see `components.platform.spans`
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlparse

import msgspec
import obstore
from obstore.exceptions import AlreadyExistsError

from components import bundle
from components import endpoint as endpoint_files
from components.endpoint import Endpoint
from components.errors import ArtifactError, InputError, PlatformError, Unreachable
from components.files import read_limited
from components.platform.contract import StoredVersion
from components.platform.moments import Moment
from components.platform.object_store import answering, fetch, key_of, listing, sizes

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_DIGITS = 12
"""Of a line's number in a name, so that names sort as numbers do."""
_JOINED = "joined"
"""Sorts after every number, so a listing that begins at a number has it."""


@dataclass(frozen=True)
class ObjectRecords:
    """`components.platform.Records` in an object store."""

    store: "ObjectStore"

    def append(self, release_id: str, seq: int, segment: bytes) -> bool:
        """Add the segment that begins with line ``seq``, if nobody has added one of that number."""
        if seq == 0:
            # First, so that no record can be begun and then forgotten.
            with answering("the mark of a new record"):
                obstore.put(self.store, f"pending/{key_of(release_id)}", b"")
        path = f"{_folder(release_id)}/{seq:0{_DIGITS}d}"
        try:
            with answering(f"a segment of {release_id}"):
                obstore.put(self.store, path, segment, mode="create")
        except AlreadyExistsError:
            # Ours, if its answer was lost and the library tried again.
            return self._stands(path, segment)
        except Unreachable:
            if self._stands(path, segment):
                return True
            raise
        if seq < self._covered(_folder(release_id)):
            # The name was free only because the record had been joined meanwhile.
            with answering(path):
                obstore.delete(self.store, path)
            return b"".join(self.read(release_id, seq)).startswith(segment)
        return True

    def _stands(self, path: str, segment: bytes) -> bool:
        try:
            return fetch(self.store, path) == segment
        except FileNotFoundError:
            return False

    def _covered(self, folder: str) -> int:
        """How many lines the joined segment has."""
        try:
            return fetch(self.store, f"{folder}/{_JOINED}").count(b"\n")
        except FileNotFoundError:
            return 0

    def read(self, release_id: str, since: int) -> list[bytes]:
        """The segments from line ``since`` on, in order."""
        folder = _folder(release_id)
        offset = f"{folder}/{since - 1:0{_DIGITS}d}" if since else None
        names = listing(self.store, folder, offset)
        try:
            joined = self._joined(folder, names)
            found = [b"".join(joined[since:])] if joined[since:] else []
            after = max(since, len(joined))
            return found + [fetch(self.store, path) for path in names if _seq(path) >= after]
        except FileNotFoundError:  # joined between the listing and the reading
            return self.read(release_id, since)

    def _joined(self, folder: str, names: list[str]) -> list[bytes]:
        """The lines of the joined segment."""
        path = f"{folder}/{_JOINED}"
        return fetch(self.store, path).splitlines(keepends=True) if path in names else []

    def releases(self) -> list[str]:
        """Every release that has a record."""
        with answering("the list of records"):
            found = obstore.list_with_delimiter(self.store, "records")
        return sorted(unquote(prefix.rpartition("/")[2]) for prefix in found["common_prefixes"])

    def pending(self) -> list[str]:
        """The releases whose record has not been closed."""
        return [unquote(path.partition("/")[2]) for path in listing(self.store, "pending")]

    def is_joined(self, release_id: str) -> bool:
        """Whether the segments are one object."""
        folder = _folder(release_id)
        return f"{folder}/{_JOINED}" in listing(self.store, folder)

    def join(self, release_id: str) -> None:
        """Join the segments into one object; the old ones go when it stands."""
        folder = _folder(release_id)
        names = listing(self.store, folder)
        target = f"{folder}/{_JOINED}"
        if names and target not in names:
            # Who was faster may have joined fewer: created once, it is never replaced by less.
            with suppress(AlreadyExistsError), answering(f"the record of {release_id}"):
                obstore.put(self.store, target, b"".join(self.read(release_id, 0)), mode="create")
            names.append(target)
        covered = self._covered(folder)
        if old := [path for path in names if 0 <= _seq(path) < covered]:
            with answering(f"the record of {release_id}"):
                obstore.delete(self.store, old)

    def close(self, release_id: str) -> None:
        """Join the segments, and take the mark away."""
        self.join(release_id)
        with suppress(FileNotFoundError), answering("the mark of a closed record"):
            obstore.delete(self.store, f"pending/{key_of(release_id)}")


def _seq(path: str) -> int:
    """The number of a segment's first line; -1 for the joined one."""
    name = path.rpartition("/")[2]
    return int(name) if name.isdecimal() else -1


def _folder(release_id: str) -> str:
    return f"records/{key_of(release_id)}"


def get_version(store: "ObjectStore", digest: str, folder: Path) -> None:
    """Copy a version's files into the empty folder ``folder``, and hold them against the digest.

    Raises:
        ArtifactError: there are none, or they do not add up; names the first that does not.
        Unreachable: the store does not answer.
    """
    prefix = f"versions/{digest}"
    names = listing(store, prefix)
    if not names:
        raise ArtifactError(f"the store has no files at {prefix}: release the version again")
    for path in names:
        name = PurePosixPath(unquote(path.removeprefix(f"{prefix}/")))
        if ".." in name.parts or name.is_absolute():
            raise ArtifactError(f"{prefix}: file name {str(name)!r} is refused")
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with answering(path), target.open("wb") as file:
            for chunk in obstore.get(store, path):
                file.write(chunk)
    bundle.verify(folder, digest, allow_pickle=True)


@dataclass(frozen=True)
class ObjectFiles:
    """`components.platform.Files` in an object store.

    Args:
        store: of the versions.
        uri: the store's address, the beginning of every `StoredVersion.uri`.
        buckets: makes the store of another bucket, for data sets.
    """

    store: "ObjectStore"
    uri: str
    buckets: Callable[[str], "ObjectStore"]

    def find(self, model: str, version: str, digest: str) -> StoredVersion | None:
        """The version's files, if they were put."""
        content = self._manifest(digest)
        return None if content is None else self._version(model, version, digest, content)

    def lost(self, stored: StoredVersion) -> str:
        """What is gone of the version's files, by one listing; empty: they are whole."""
        folder = f"versions/{stored.digest}/"
        manifest = self._manifest(stored.digest)
        if manifest is None:
            return "its files are gone from the store"
        wanted = bundle.sizes_in(manifest, stored.digest)
        if wanted is None:
            return f"{bundle.MANIFEST} in the store is not the one registered"
        listed = sizes(self.store, folder)
        there = {unquote(path.removeprefix(folder)): size for path, size in listed.items()}
        for name, size in sorted(wanted.items()):
            if name not in there:
                return f"its file {name} is gone from the store"
            if there[name] != size:
                return f"its file {name} has {there[name]} bytes of {size} in the store"
        return ""

    def _manifest(self, digest: str) -> bytes | None:
        """The manifest, empty if it is too large to be one; None: there is none."""
        try:
            with answering("a manifest"):
                found = obstore.get(self.store, f"versions/{digest}/{bundle.MANIFEST}")
                small = found.meta["size"] <= bundle.MAX_MANIFEST_BYTES
                return bytes(found.bytes()) if small else b""
        except FileNotFoundError:
            return None

    def _version(self, model: str, version: str, digest: str, manifest: bytes) -> StoredVersion:
        size = bundle.size_in(manifest, digest)
        return StoredVersion(model, version, digest, f"{self.uri}/versions/{digest}", size)

    def put(self, model: str, version: str, digest: str, folder: Path) -> StoredVersion:
        """Keep the files in ``folder``; the manifest, which makes them known, is written last."""
        names = [p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()]
        for name in sorted(names, key=lambda name: (name == bundle.MANIFEST, name)):
            with answering(f"{name} of {model} version {version}"):
                obstore.put(self.store, f"versions/{digest}/{_path(name)}", folder / name)
        return self._version(model, version, digest, (folder / bundle.MANIFEST).read_bytes())

    def get(self, stored: StoredVersion, folder: Path) -> None:
        """Copy the files into the new folder ``folder``, and hold them against the digest."""
        model, version = stored.model, stored.version
        if self.find(model, version, stored.digest) is None:
            raise ArtifactError(
                f"the store has no files of {model} version {version}: release it again"
            )
        get_version(self.store, stored.digest, folder)

    def read(self, uri: str, limit: int) -> bytes:
        """The object or file at ``uri``."""
        parsed = urlparse(uri)
        if parsed.scheme == "file" and parsed.netloc in {"", "localhost"}:
            file = Path(unquote(parsed.path))
            return read_limited(file, limit, name=uri, too_large="cut the data set")
        store, path = self._place(uri)
        try:
            with answering(uri):
                found = obstore.get(store, path)
                if found.meta["size"] > limit:
                    raise InputError(f"{uri}: larger than {limit} bytes: cut the data set")
                return bytes(found.bytes())
        except FileNotFoundError as error:
            raise InputError(f"{uri}: no such object: run 'sluice prepare' or upload it") from error

    def write(self, uri: str, content: bytes) -> None:
        """Put an object, replacing what was there."""
        store, path = self._place(uri)
        with answering(uri):
            # Some stores make a bucket when somebody writes to it; a wrong address must not.
            obstore.list_with_delimiter(store, path)
            obstore.put(store, path, content)

    def _place(self, uri: str) -> "tuple[ObjectStore, str]":
        parsed = urlparse(uri)
        path = parsed.path.lstrip("/")
        if parsed.scheme != urlparse(self.uri).scheme or not parsed.netloc or not path:
            raise InputError(
                f"{uri}: not an address of this platform: write"
                f" {urlparse(self.uri).scheme}://bucket/key or file:///path"
            )
        return self.buckets(parsed.netloc), path


def _path(name: str) -> str:
    """A file's path as a key; the store would read some characters its own way."""
    return quote(name, safe="/")


@dataclass(frozen=True)
class ObjectEndpoints:
    """`components.platform.Endpoints` in an object store."""

    store: "ObjectStore"

    def load(self, name: str) -> Endpoint:
        """The endpoint called ``name``."""
        try:
            content = fetch(self.store, f"endpoints/{key_of(name)}.yaml")
        except FileNotFoundError as error:
            raise InputError(
                f"no endpoint {name!r}: 'sluice apply endpoints/{name}.yaml' makes it known"
            ) from error
        return endpoint_files.parse(content.decode(), f"endpoint {name}")

    def apply(self, text: str, source: str) -> Endpoint:
        """Check the file ``text`` and make it the endpoint's."""
        found = endpoint_files.applied(text, source)
        with answering(source):
            obstore.put(self.store, f"endpoints/{key_of(found.name)}.yaml", text.encode())
        return found

    def names(self) -> list[str]:
        """Every endpoint."""
        found = listing(self.store, "endpoints")
        return [unquote(path.partition("/")[2].removesuffix(".yaml")) for path in found]


@dataclass(frozen=True)
class ObjectMoments:
    """`components.platform.Moments` in an object store.

    Args:
        store: of what is kept.
        post: tells of one moment now; see `Moments.post`.
        show: see `Moments.show`; by default there is no such place.
    """

    store: "ObjectStore"
    post: Callable[[Moment], None]
    show: Callable[[Moment], None] = lambda _: None

    def keep(self, name: str, moment: Moment) -> None:
        """Keep a moment under a name of its own, to be told later."""
        with answering(f"the moment {name}"):
            obstore.put(self.store, f"moments/{key_of(name)}", msgspec.json.encode(moment))

    def kept(self) -> list[str]:
        """The names of what was not told yet."""
        return [unquote(path.partition("/")[2]) for path in listing(self.store, "moments")]

    def tell(self) -> list[str]:
        """Tell what is kept; one line for each moment that nobody will ever take."""
        refused = []
        for name in self.kept():
            path = f"moments/{key_of(name)}"
            try:
                self.post(msgspec.json.decode(fetch(self.store, path), type=Moment))
            except FileNotFoundError:
                continue  # another process has told it meanwhile
            except Unreachable:
                raise
            except (PlatformError, msgspec.DecodeError) as error:
                refused.append(f"{name}: nobody is told: {error}")
            with suppress(FileNotFoundError), answering(f"the moment {name}"):
                obstore.delete(self.store, path)
        return refused
