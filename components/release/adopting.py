"""What a platform needs of a version that serves already, and was never released there."""

import tempfile
from pathlib import Path

from components import bundle
from components.endpoint import Endpoint
from components.errors import InputError
from components.platform import Platform, StoredVersion
from components.registry import names
from components.release.marking import identity_of


def known(platform: Platform, endpoint: Endpoint, version: str) -> StoredVersion:
    """What the version is by the registry; without an address if its files were not kept yet.

    Raises:
        InputError: the registry has it not, or nothing vouches for its files.
    """
    identity = identity_of(endpoint.model, platform.registry.version(endpoint.model, version))
    if not identity.digest:
        raise InputError(
            f"{endpoint.model} version {version} has no tag '{names.MANIFEST_TAG}': register what"
            " the predictor serves with 'sluice register', and name that version"
        )
    found = platform.files.find(identity.model, identity.version, identity.digest)
    return found or StoredVersion(identity.model, identity.version, identity.digest, "")


def keep_files(platform: Platform, endpoint: Endpoint, stored: StoredVersion) -> StoredVersion:
    """Verify the version's files and keep them: the next release compares its candidate with them.

    Raises:
        ArtifactError: they are missing or altered, or the endpoint refuses them.
    """
    with tempfile.TemporaryDirectory(prefix="sluice-adopt-") as temporary:
        folder = Path(temporary, "files")
        platform.registry.download(stored.model, stored.version, folder)
        bundle.verify(folder, stored.digest, endpoint.serving.allow_pickle)
        return platform.files.put(stored.model, stored.version, stored.digest, folder)
