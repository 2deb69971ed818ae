"""Where a release's files come from when the platform's own copy is not what was registered."""

import pytest

from components.errors import ArtifactError
from components.registry.names import MANIFEST_TAG
from tests.support.worlds import MODEL, Scene, scene

ALTERED = "does not match its checksum: it was altered"


def place(found: Scene, version: str = "2") -> tuple[str, str]:
    """The address of a version's copy in the platform's store, and the name of a file there."""
    platform = found.world.platform
    digest = platform.registry.version(MODEL, version).tags[MANIFEST_TAG]
    stored = platform.files.find(MODEL, version, digest)
    assert stored is not None
    return stored.uri, next(
        name
        for name in found.world.registry.models[MODEL].files[version]
        if name != "MANIFEST.json"
    )


@pytest.fixture
def rejected() -> Scene:
    """Version 2 has been fetched once, and was rejected by its evaluation."""
    found = scene()
    found.passed = False
    assert found.walk("2").outcome != "promoted"
    found.passed = True
    return found


def test_a_copy_that_somebody_altered_is_refused_once_and_replaced(rejected: Scene) -> None:
    uri, name = place(rejected)
    files = rejected.world.platform.files
    before = files.read(f"{uri}/{name}", 10**6)
    files.write(f"{uri}/{name}", before[:-1] + bytes([before[-1] ^ 1]))
    with pytest.raises(ArtifactError, match=ALTERED) as caught:
        rejected.walk("2")
    assert "now it is fetched from the registry anew: release again" in str(caught.value)
    assert files.read(f"{uri}/{name}", 10**6) == before
    assert rejected.walk("2").outcome == "promoted"


@pytest.mark.parametrize("content", [b"", b"x" * 9999], ids=["cut off", "appended to"])
def test_a_copy_that_is_not_whole_is_fetched_anew(rejected: Scene, content: bytes) -> None:
    uri, name = place(rejected)
    rejected.world.platform.files.write(f"{uri}/{name}", content)
    assert rejected.walk("2").outcome == "promoted"


def test_files_that_were_altered_in_the_registry_are_refused_with_what_to_do() -> None:
    found = scene()
    files = found.world.registry.models[MODEL].files["2"]
    name = next(each for each in files if each != "MANIFEST.json")
    files[name] = bytes([files[name][0] ^ 1]) + files[name][1:]
    with pytest.raises(ArtifactError) as caught:
        found.walk("2")
    assert f"{name} {ALTERED} in the registry: register the model again" in str(caught.value)
