"""A model's files on their way: from every address that the help names, whole or refused."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.bundle import write_manifest
from components.errors import ArtifactError, InputError, PlatformError
from components.platform import Platform
from components.registry import register
from components.registry.files import check_upload, fetch, refuse_lost_names
from tests.registry.test_register import saved


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a#1.txt", "# or ?"),
        ("what?.txt", "# or ?"),
        ("step%20of.txt", "% before two hexadecimal digits"),
        ("50%ff", "% before two hexadecimal digits"),
        ("a\\b.txt", "a backslash"),
        ("a\nb.txt", "a control character"),
        ("a\tb", "a control character"),
        ("\udcff", "no UTF-8"),
        ("inner#/model.txt", "# or ?"),
    ],
)
def test_a_name_that_would_not_survive_the_upload_is_refused_before_it(
    tmp_path: Path, name: str, said: str
) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("x")
    with pytest.raises(ArtifactError, match="rename it") as caught:
        refuse_lost_names(tmp_path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "Ünï.txt",
        "模型",
        "a b",
        "100%",
        "50%x",
        "a:b",
        "+&;=",
        "u\u0308",
        "dot.",
        "A.txt",
        ".hidden",
    ],
)
def test_a_name_that_survives_is_taken(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("x")
    refuse_lost_names(tmp_path)


@pytest.mark.parametrize("form", ["{}", "file://{}"])
def test_a_folder_is_copied_without_python_s_caches(tmp_path: Path, form: str) -> None:
    source = tmp_path / "my model"
    (source / "code" / "__pycache__").mkdir(parents=True)
    (source / "code" / "__pycache__" / "x.cpython-311.pyc").write_text("x")
    (source / "code" / "x.py").write_text("x")
    address = form.format(str(source).replace(" ", "%20") if "file" in form else source)
    found = fetch(None, address, tmp_path / "copy")
    assert sorted(p.relative_to(found).as_posix() for p in found.rglob("*")) == [
        "code",
        "code/x.py",
    ]


@pytest.mark.parametrize("source", ["file:///no/such/folder", "/no/such/folder"])
def test_a_folder_that_is_not_there_is_refused(tmp_path: Path, source: str) -> None:
    with pytest.raises(InputError, match="cannot be copied"):
        fetch(None, source, tmp_path / "copy")


class Store:
    """What a registry's store answers of one model's files."""

    def __init__(self, files: dict[str, int]) -> None:
        self.files = files

    def list_logged_model_artifacts(self, _: str, path: str | None) -> list[Any]:
        below = f"{path}/" if path else ""
        names = {
            name[len(below) :].partition("/")[0] for name in self.files if name.startswith(below)
        }
        return [
            SimpleNamespace(
                path=below + name,
                is_dir=below + name not in self.files,
                file_size=self.files.get(below + name),
            )
            for name in sorted(names)
        ]


def test_an_upload_that_arrived_whole_passes(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "model").write_text("12345")
    (tmp_path / "empty").write_text("")
    write_manifest(tmp_path)
    size = (tmp_path / "MANIFEST.json").stat().st_size
    check_upload(Store({"inner/model": 5, "empty": 0, "MANIFEST.json": size}), "m-1", tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"inner/model": None}, "'inner/model' has no bytes in the registry's store and 5 here"),
        ({"inner/model": 4}, "'inner/model' has 4 bytes in the registry's store and 5 here"),
        ({"other": 1}, "'other' has 1 bytes in the registry's store and no here"),
    ],
)
def test_an_upload_that_did_not_is_refused_with_the_file(
    tmp_path: Path, change: dict[str, int | None], said: str
) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "model").write_text("12345")
    write_manifest(tmp_path)
    size = (tmp_path / "MANIFEST.json").stat().st_size
    stored = {"inner/model": 5, "MANIFEST.json": size} | change
    found = {name: size for name, size in stored.items() if size is not None}
    with pytest.raises(PlatformError) as caught:
        check_upload(Store(found), "m-1", tmp_path)
    assert said in str(caught.value)


@pytest.fixture(scope="module")
def server(platform: Platform) -> Any:
    return register.client(platform.registry.url)


@pytest.mark.long
def test_a_model_is_registered_from_every_address_that_the_help_names_under_any_name_of_mlflow_s(
    server: Any, tmp_path: Path
) -> None:
    import mlflow
    import mlflow.sklearn
    from sklearn.dummy import DummyClassifier

    source = saved(
        tmp_path / "my model", serialization_format="skops", pip_requirements=["scikit-learn==0.22"]
    )
    name = "Modell mit Leerzeichen"
    first = register.register_own(server, str(source), name)
    assert any(
        note.startswith("the model asks for scikit-learn==0.22, here") for note in first.notes
    )
    server.set_registered_model_alias(name, "best", first.version)
    mlflow.set_tracking_uri(server.tracking_uri)
    mlflow.set_experiment("addresses")
    with mlflow.start_run() as run:
        logged = mlflow.sklearn.log_model(
            DummyClassifier().fit([[0.0], [1.0]], ["a", "b"]),
            name="model",
            signature=mlflow.models.infer_signature([[0.0]], ["a"]),
            input_example=[[0.0]],
            serialization_format="skops",
            pip_requirements=[],
        )
        mlflow.log_artifacts(str(source), "older/way")
    addresses = {
        f"models:/{name}/{first.version}": name,
        source.as_uri(): "v1.2",
        f"models:/{name}@best": "50% off",
        f"models:/{logged.model_id}": "_under",
        f"runs:/{run.info.run_id}/model": "Käse-Modell",
        f"runs:/{run.info.run_id}/older/way": "v1.2",
    }
    versions = [
        (named, register.register_own(server, address, named).version)
        for address, named in addresses.items()
    ]
    assert versions == [
        (name, "2"),
        ("v1.2", "1"),
        ("50% off", "1"),
        ("_under", "1"),
        ("Käse-Modell", "1"),
        ("v1.2", "2"),
    ]
    for named in {name, *addresses.values()}:
        server.delete_registered_model(named)


@pytest.mark.parametrize("name", ["a#1.txt", "step%20of.txt", "a\nb"])
def test_a_model_with_such_a_name_is_refused_before_anything_is_uploaded(
    server: Any, tmp_path: Path, name: str
) -> None:
    source = saved(tmp_path / "m", serialization_format="skops")
    (source / name).write_text("x")
    with pytest.raises(ArtifactError, match="does not survive the upload: rename it"):
        register.register_own(server, str(source), "own-lost")
    assert server.search_model_versions("name = 'own-lost'") == []


class Losing:
    """A registry's client that loses a file on its way."""

    def __init__(self, server: Any) -> None:
        self._server = server

    def __getattr__(self, name: str) -> Any:
        return getattr(self._server, name)

    def log_model_artifacts(self, model_id: str, folder: str) -> None:
        path = Path(folder, "model.skops")
        content = path.read_bytes()
        path.unlink()
        self._server.log_model_artifacts(model_id, folder)
        path.write_bytes(content)


def test_a_model_that_did_not_arrive_whole_is_no_version(server: Any, tmp_path: Path) -> None:
    source = saved(tmp_path / "m", serialization_format="skops")
    with pytest.raises(PlatformError, match=r"not complete: 'model\.skops' has no bytes"):
        register.register_own(Losing(server), str(source), "own-lost")
    assert server.search_model_versions("name = 'own-lost'") == []


@pytest.mark.parametrize("name", ["a" * 300, "a/b", "x ", "it's"])
def test_a_name_that_no_endpoint_may_use_is_refused_before_anything_is_uploaded(
    server: Any, tmp_path: Path, name: str
) -> None:
    with pytest.raises(InputError, match="model's name"):
        register.register_own(server, str(tmp_path), name)
