from pathlib import Path

from cluster.embedded.controllers import volumes
from cluster.embedded.controllers.part import Materials
from cluster.embedded.home import INSIDE, Home
from cluster.embedded.kubectl import Kubectl


def test_each_disk_is_an_empty_folder_where_its_object_says(tmp_path: Path) -> None:
    home = Home(tmp_path)
    for _ in range(2):
        volumes.make(home)
        found = list(home.volumes.rglob("*"))
        assert {path.name for path in found} == set(volumes.NAMES)
        (found[0] / "of-the-last-node").touch()
    made = volumes.part(Materials({}, Kubectl((), tmp_path), tmp_path)).objects
    places = {each["spec"]["local"]["path"] for each in made if each["kind"] == "PersistentVolume"}
    assert places == {str(INSIDE / path.relative_to(tmp_path)) for path in found}


def test_a_claim_that_names_no_class_gets_a_disk(tmp_path: Path) -> None:
    first, *others = volumes.part(Materials({}, Kubectl((), tmp_path), tmp_path)).objects
    marked = first["metadata"]["annotations"]
    assert marked["storageclass.kubernetes.io/is-default-class"] == "true"
    assert {each["spec"]["storageClassName"] for each in others} == {first["metadata"]["name"]}
