"""A model's files as they are served: a folder with a manifest, and what in it may be loaded.

The folder is the MLflow model directory as downloaded. `manifest` holds its files against what was
registered, `mlmodel` reads the file `MLmodel` and the paths in it, `formats` has the closed list of
what runs no code of the model, `skops_file` looks into one of these formats, and `hint` guesses
from names and bytes which files hold code, for people to read.
"""

from components.bundle.manifest import (
    MANIFEST,
    MAX_FILES,
    MAX_MANIFEST_BYTES,
    METADATA,
    Altered,
    FileEntry,
    FileName,
    Manifest,
    read_metadata,
    size_in,
    sizes_in,
    verify,
    write_manifest,
    write_metadata,
)

__all__ = [
    "MANIFEST",
    "MAX_FILES",
    "MAX_MANIFEST_BYTES",
    "METADATA",
    "Altered",
    "FileEntry",
    "FileName",
    "Manifest",
    "read_metadata",
    "size_in",
    "sizes_in",
    "verify",
    "write_manifest",
    "write_metadata",
]
