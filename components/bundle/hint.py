"""Which files look as if they held code: a guess for people to read, on which nothing is decided.

What is loaded is decided by `components.bundle.formats`. Searching bytes cannot: a pickle may begin
after any number of harmless bytes, and may be packed in ways without end.
"""

import pickletools
import warnings
import zipfile
from io import BytesIO
from pathlib import Path, PurePosixPath

from components.errors import ArtifactError
from components.printing import printable

_PICKLE_SUFFIXES = frozenset({".pkl", ".pickle", ".joblib", ".cloudpickle", ".pt", ".pth"})
_CODE_SUFFIXES = frozenset({".py", ".pyc", ".so", ".dll", ".dylib", ".pth"})
_TEXT_PICKLE_BYTES = 64 * 1024
_PICKLE_CALLS = frozenset({"GLOBAL", "INST", "REDUCE", "BUILD", "OBJ"})


def executable_kind(path: Path) -> str | None:
    """Why loading the file at ``path`` could run code, or None.

    Looks at the name and at the content, so that a renamed pickle is found as well: binary pickles
    by their magic, textual ones by parsing, NumPy object arrays, and archives by their members.

    Raises:
        ArtifactError: it is an archive that cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_TEXT_PICKLE_BYTES)
    kind = _named_kind(path.name) or _content_kind(head)
    if kind or not zipfile.is_zipfile(path):
        return kind
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                with archive.open(member) as file:
                    inner = _content_kind(file.read(_TEXT_PICKLE_BYTES))
                if inner or (inner := _named_kind(member.filename)):
                    return f"contains {printable(member.filename[:300])}, which {inner}"
    except Exception as error:  # zlib, LZMA and bz2 have errors of their own, structures others
        said = printable(" ".join(str(error).split())[:300]) or type(error).__name__
        raise ArtifactError(
            f"{path.name} is an archive that cannot be read: {said}: save the model again"
        ) from error
    return None


def _named_kind(name: str) -> str | None:
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in _PICKLE_SUFFIXES:
        return "is a pickle by its name"
    return "is program code" if suffix in _CODE_SUFFIXES else None


def _content_kind(head: bytes) -> str | None:
    if len(head) > 1 and head[0] == 0x80 and 2 <= head[1] <= 5:
        return "is a pickle"
    if head.startswith(b"\x93NUMPY") and b"'|O'" in head[:256]:
        return "is an array of pickled objects"
    return "is a pickle" if _is_text_pickle(head) else None


def _is_text_pickle(head: bytes) -> bool:
    """True when ``head`` is a pickle of protocol 0 or 1, which has no magic, and calls something.

    Every pickle that can run code names a callable; ordinary text fails to parse within a few
    opcodes.
    """
    names = set()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # bytes of any file may look like an odd escape
            for opcode, _, _ in pickletools.genops(BytesIO(head)):
                names.add(opcode.name)
    except (ValueError, IndexError, UnicodeDecodeError):
        return bool(names & {"REDUCE", "OBJ", "INST"} and names & _PICKLE_CALLS)
    return bool(names & _PICKLE_CALLS)
