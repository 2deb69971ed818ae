"""Model folders that try to run code, each of which would make a file: the canary."""

import bz2
import gzip
import io
import json
import lzma
import pickle
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

Flavors = Mapping[str, Mapping[str, Any]]

_SIGNATURE = {"inputs": '[{"type": "double", "name": "x", "required": true}]'}
_EXAMPLE = {"artifact_path": "input_example.json", "type": "dataframe", "pandas_orient": "split"}


class Calls:
    """A pickle of it runs a shell that makes the file."""

    def __init__(self, canary: Path) -> None:
        self._canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        import os

        return os.system, (f"touch '{self._canary}'",)


@dataclass(frozen=True)
class Attack:
    """One way: ``make`` writes the model's folder."""

    name: str
    make: Callable[[Path, Path], None]
    """From the folder, which exists, and the canary."""


def describe(folder: Path, flavors: Flavors, **top: Any) -> None:
    """Write `MLmodel` and an input example."""
    content = {
        "flavors": flavors,
        "signature": _SIGNATURE,
        "saved_input_example_info": _EXAMPLE,
        **top,
    }
    (folder / "MLmodel").write_text(yaml.safe_dump(content), encoding="utf-8")
    rows = {"columns": ["x"], "data": [[1.0]]}
    (folder / "input_example.json").write_text(json.dumps(rows), encoding="utf-8")


def _sklearn(name: str = "model.bin", **keys: Any) -> Flavors:
    how = {"serialization_format": "cloudpickle", "pickled_model": "model.bin", **keys}
    pyfunc = {"loader_module": "mlflow.sklearn", "model_path": name, "predict_fn": "predict"}
    return {"python_function": pyfunc, "sklearn": how}


def late_pickle(canary: Path) -> bytes:
    """A pickle without a magic number that begins with 70 kB of text."""
    text = b"a" * 70_000
    length = len(text).to_bytes(4, "little")
    return b"X" + length + text + b"0cos\nsystem\n(Vtouch '" + str(canary).encode() + b"'\ntR."


def _bytes(pack: Callable[[bytes], bytes], **keys: Any) -> Callable[[Path, Path], None]:
    def make(folder: Path, canary: Path) -> None:
        (folder / "model.bin").write_bytes(pack(pickle.dumps(Calls(canary))))
        describe(folder, _sklearn(**keys))

    return make


def _late(folder: Path, canary: Path) -> None:
    (folder / "model.bin").write_bytes(late_pickle(canary))
    describe(folder, _sklearn())


def _without_flavor(folder: Path, canary: Path) -> None:
    (folder / "model.bin").write_bytes(late_pickle(canary))
    flavors = _sklearn()
    describe(folder, {"python_function": flavors["python_function"]})


def _without_format(folder: Path, canary: Path) -> None:
    (folder / "model.bin").write_bytes(late_pickle(canary))
    pyfunc = _sklearn()["python_function"]
    describe(folder, {"python_function": pyfunc, "sklearn": {}})


def _deeper(folder: Path, canary: Path) -> None:
    """MLflow reads the format from the `MLmodel` beside the file that ``data`` names."""
    (folder / "sub").mkdir()
    (folder / "sub" / "model.bin").write_bytes(late_pickle(canary))
    describe(folder / "sub", _sklearn())
    pyfunc = {"loader_module": "mlflow.sklearn", "data": "sub/model.bin", "model_path": "ok.skops"}
    (folder / "ok.skops").write_bytes(b"")
    flavor = {"serialization_format": "skops"}
    describe(folder, {"python_function": pyfunc, "sklearn": flavor})


def _archive(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _objects(content: bytes) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array([pickle.loads], dtype=object), allow_pickle=True)
    return buffer.getvalue() + content


PACKED: Mapping[str, Callable[[bytes], bytes]] = {
    "plain": lambda content: content,
    "gzip": gzip.compress,
    "zlib": zlib.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zip": lambda content: _archive({"data.pkl": content}),
    "zip-in-zip": lambda content: _archive({"a": _archive({"data": content})}),
    "padded": lambda content: _archive({"data": b"\0" * 70_000 + content}),
    "npy-objects": _objects,
}


def _outside(where: Callable[[Path], str]) -> Callable[[Path, Path], None]:
    def make(folder: Path, canary: Path) -> None:
        (folder.parent / "outside.bin").write_bytes(late_pickle(canary))
        (folder / "model.bin").write_bytes(b"")
        describe(folder, _sklearn(where(folder)))

    return make


def _link(folder: Path, canary: Path) -> None:
    (folder.parent / "outside.bin").write_bytes(late_pickle(canary))
    (folder / "model.bin").symlink_to(folder.parent / "outside.bin")
    describe(folder, _sklearn())


def _package(folder: Path, canary: Path, name: str) -> None:
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text(f"open({str(canary)!r}, 'w').close()\n")


def _code(where: str, flavor: str, **keys: Any) -> Callable[[Path, Path], None]:
    """A package with the name of a library that the flavour imports."""

    def make(folder: Path, canary: Path) -> None:
        _package(folder.parent / "elsewhere", canary, flavor)
        _package(folder / "code", canary, flavor)
        (folder / "model.json").write_bytes(b"{}")
        pyfunc = {"loader_module": f"mlflow.{flavor}", "data": "model.json"}
        code = where.format(outside=folder.parent / "elsewhere")
        describe(
            folder,
            {
                "python_function": {**pyfunc, "code": code},
                flavor: {"data": "model.json", "code": code, **keys},
            },
        )

    return make


def _code_model(folder: Path, canary: Path) -> None:
    (folder / "model.py").write_text(f"open({str(canary)!r}, 'w').close()\n")
    module = "mlflow.pyfunc.loaders.code_model"
    describe(folder, {"python_function": {"loader_module": module, "model_code_path": "model.py"}})


def _loader(module: str, **keys: Any) -> Callable[[Path, Path], None]:
    def make(folder: Path, canary: Path) -> None:
        (folder / "model.bin").write_bytes(pickle.dumps(Calls(canary)))
        (folder / "model.py").write_text(f"open({str(canary)!r}, 'w').close()\n")
        files = {"data": "model.bin", "python_model": "model.bin", "model_code_path": "model.py"}
        files |= {
            "model_data": "model.bin",
            "pickled_model": "model.bin",
            "model_path": "model.bin",
        }
        flavor = {"serialization_format": "cloudpickle", **files, **keys}
        name = module.rpartition(".")[2]
        pyfunc = {"loader_module": module, **files, **keys}
        describe(folder, {"python_function": pyfunc, name: flavor})

    return make


def skops_flavors(trusted: list[str]) -> Flavors:
    """Of a model of scikit-learn that is saved as skops."""
    how = {"serialization_format": "skops", "skops_trusted_types": trusted}
    return _sklearn("model.skops", **{**how, "pickled_model": "model.skops"})


def write_skops(folder: Path, schema: Any, trusted: list[str], **members: bytes) -> None:
    """A model whose skops file has this schema."""
    content = {"protocol": 2, "_skops_version": "0.16.0", **schema}
    archive = _archive({"schema.json": json.dumps(content).encode(), **members})
    (folder / "model.skops").write_bytes(archive)
    describe(folder, skops_flavors(trusted))


def node(loader: str, name: str, content: Any = None, **more: Any) -> dict[str, Any]:
    """A node of skops: what ``loader`` makes of ``content`` with the type ``name``."""
    module, _, short = name.rpartition(".")
    made = {"__class__": short, "__module__": module, "__loader__": loader, **more}
    return made if content is None else {**made, "content": content}


def text(value: Any) -> dict[str, Any]:
    """A node of a value that JSON can say."""
    return node("JsonNode", "builtins.str", json.dumps(value))


def plain(loader: str, *items: Any) -> dict[str, Any]:
    """A list or a tuple of nodes."""
    return node(loader, f"builtins.{loader.removesuffix('Node').lower()}", list(items))


def _pipeline_of_eval(folder: Path, canary: Path) -> None:
    """The largest of the columns' names is evaluated."""
    import skops.io
    from sklearn.dummy import DummyClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    last = DummyClassifier().fit([[0.0]], ["a"])
    model = make_pipeline(FunctionTransformer(max), FunctionTransformer(eval), last)
    trusted = ["builtins.max", "builtins.eval"]
    (folder / "model.skops").write_bytes(skops.io.dumps(model))
    code = f"open({str(canary)!r}, 'w').close()"
    describe(folder, skops_flavors(trusted))
    content = yaml.safe_load((folder / "MLmodel").read_text())
    column = [{"type": "double", "name": code, "required": True}]
    content["signature"] = {"inputs": json.dumps(column)}
    content["flavors"]["python_function"]["predict_fn"] = "predict"
    (folder / "MLmodel").write_text(yaml.safe_dump(content))
    rows = {"columns": [code], "data": [[1.0]]}
    (folder / "input_example.json").write_text(json.dumps(rows), encoding="utf-8")


def _skops(schema: Callable[[Path], Any], *trusted: str) -> Callable[[Path, Path], None]:
    def make(folder: Path, canary: Path) -> None:
        write_skops(folder, schema(canary), list(trusted))

    return make


def _shell(canary: Path) -> dict[str, Any]:
    return text(f"touch '{canary}'")


def _keys(canary: Path) -> dict[str, Any]:
    """A dictionary calls the types of its keys with the keys."""
    types = plain("ListNode", node("TypeNode", "posix.system"))
    return node("DictNode", "builtins.dict", {f"touch '{canary}'": text(1)}, key_types=types)


def _caller(canary: Path) -> dict[str, Any]:
    arguments = plain("TupleNode", text("system"), _shell(canary))
    return node("OperatorFuncNode", "operator.methodcaller", attrs=arguments)


def _partial(canary: Path) -> dict[str, Any]:
    parts = {
        "func": node("FunctionNode", "posix.system"),
        "args": plain("TupleNode", _shell(canary)),
        "kwds": node("DictNode", "builtins.dict", {}, key_types=plain("ListNode")),
        "namespace": text(None),
    }
    return node("PartialNode", "functools.partial", parts)


def _method(canary: Path) -> dict[str, Any]:
    owner = node("ObjectNode", "sklearn.pipeline.Pipeline")
    return node("MethodNode", "sklearn.pipeline.Pipeline", {"func": "fit", "obj": owner})


def _estimator_with(function: dict[str, Any]) -> Callable[[Path], Any]:
    def schema(_: Path) -> dict[str, Any]:
        types = plain("ListNode", node("TypeNode", "builtins.str"))
        state = node("DictNode", "builtins.dict", {"metric": function}, key_types=types)
        return node("ObjectNode", "sklearn.neighbors._classification.KNeighborsClassifier", state)

    return schema


def _boosted(flavor: str, **keys: Any) -> Callable[[Path, Path], None]:
    def make(folder: Path, canary: Path) -> None:
        (folder / "model.bin").write_bytes(pickle.dumps(Calls(canary)))
        pyfunc = {"loader_module": f"mlflow.{flavor}", "data": "model.bin"}
        describe(folder, {"python_function": pyfunc, flavor: {"data": "model.bin", **keys}})

    return make


def _onnx(data: str = "model.onnx", **keys: Any) -> Callable[[Path, Path], None]:
    def make(folder: Path, canary: Path) -> None:
        _save_graph(folder)
        (folder / "library.so").write_bytes(b"\x7fELF")
        pyfunc = {"loader_module": "mlflow.onnx", "data": data}
        describe(folder, {"python_function": pyfunc, "onnx": {"data": data, **keys}})

    return make


def _save_graph(folder: Path, location: str = "") -> None:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weight = numpy_helper.from_array(np.ones((1, 1), np.float32), "w")
    if location:
        weight.ClearField("raw_data")
        weight.data_location = TensorProto.EXTERNAL
        weight.external_data.add(key="location", value=location)
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [value("x", 1, ["n", 1])],
        [value("y", 1, ["n", 1])],
        [weight],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    assert onnx.__version__


def _external(location: str) -> Callable[[Path, Path], None]:
    def make(folder: Path, canary: Path) -> None:
        (folder.parent / "outside.bin").write_bytes(np.ones(1, np.float32).tobytes())
        _save_graph(folder, location.format(outside=folder.parent / "outside.bin"))
        pyfunc = {"loader_module": "mlflow.onnx", "data": "model.onnx"}
        describe(folder, {"python_function": pyfunc, "onnx": {"data": "model.onnx"}})

    return make


def _custom_op(folder: Path, canary: Path) -> None:
    from onnx import helper

    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("PyOp", ["x"], ["y"], domain="ai.onnx.contrib", module="os")],
        "g",
        [value("x", 1, ["n", 1])],
        [value("y", 1, ["n", 1])],
    )
    sets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.contrib", 1)]
    model = helper.make_model(graph, opset_imports=sets, ir_version=9)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    pyfunc = {"loader_module": "mlflow.onnx", "data": "model.onnx"}
    describe(folder, {"python_function": pyfunc, "onnx": {"data": "model.onnx"}})


def _example(**keys: Any) -> Callable[[Path, Path], None]:
    def make(folder: Path, canary: Path) -> None:
        _save_graph(folder)
        (folder.parent / "outside.bin").write_bytes(b"{}")
        pyfunc = {"loader_module": "mlflow.onnx", "data": "model.onnx"}
        flavors = {"python_function": pyfunc, "onnx": {"data": "model.onnx"}}
        describe(folder, flavors, saved_input_example_info={**_EXAMPLE, **keys})

    return make


def _keyed(**keys: Any) -> Callable[[Path, Path], None]:
    """An honest graph, and a key of `python_function` that nobody asked for."""

    def make(folder: Path, canary: Path) -> None:
        _save_graph(folder)
        _package(folder, canary, "evil")
        pyfunc = {"loader_module": "mlflow.onnx", "data": "model.onnx", **keys}
        describe(folder, {"python_function": pyfunc, "onnx": {"data": "model.onnx"}})

    return make


def _yaml(folder: Path, canary: Path) -> None:
    (folder / "MLmodel").write_text(
        f"flavors: !!python/object/apply:os.system [\"touch '{canary}'\"]\n"
    )


_LOADERS = (
    *("pyfunc.model", "pyfunc.loaders.code_model", "pyfunc.loaders.chat_model"),
    *("pyfunc.loaders.chat_agent", "pyfunc.loaders.responses_agent", "pyfunc.dbconnect_artifact"),
    *("spark", "tensorflow", "keras", "pytorch", "statsmodels", "prophet", "catboost", "spacy"),
    *("shap", "h2o", "paddle", "pmdarima", "diviner", "johnsnowlabs", "promptflow", "dspy"),
    *("transformers", "sentence_transformers", "langchain", "llama_index", "openai", "crewai"),
    *("prompt.promptlab_model", "utils.model_utils", "sklearn.utils", "xgboost._autolog"),
)

RUNNING: tuple[Attack, ...] = (
    Attack("late-pickle", _late),
    Attack("code-model", _code_model),
    Attack("skops-eval", _pipeline_of_eval),
    Attack("code-inside", _code("code", "xgboost")),
)
"""Those that run their code as soon as pickles are allowed, which shows that they are real."""

ATTACKS: tuple[Attack, ...] = (
    *RUNNING,
    Attack("no-flavor", _without_flavor),
    Attack("no-format", _without_format),
    Attack("deeper-MLmodel", _deeper),
    *(Attack(f"packed-{name}", _bytes(pack)) for name, pack in PACKED.items()),
    Attack("skops-by-its-key-only", _bytes(lambda c: c, serialization_format="skops")),
    Attack("format-unknown", _bytes(lambda c: c, serialization_format="joblib")),
    Attack("format-no-text", _bytes(lambda c: c, serialization_format=["skops"])),
    Attack("outside-absolute", _outside(lambda folder: str(folder.parent / "outside.bin"))),
    Attack("outside-relative", _outside(lambda _: "../outside.bin")),
    Attack("outside-hidden", _outside(lambda _: "sub/../../outside.bin")),
    Attack("outside-by-link", _link),
    Attack("code-absolute", _code("{outside}", "xgboost")),
    Attack("code-relative", _code("../elsewhere", "xgboost")),
    Attack("code-of-lightgbm", _code("code", "lightgbm")),
    Attack("code-of-onnx", _code("code", "onnx")),
    *(Attack(f"loader-{name}", _loader(f"mlflow.{name}")) for name in _LOADERS),
    Attack("loader-os", _loader("os")),
    Attack("loader-model", _loader("model")),
    Attack("loader-with-space", _loader("mlflow.sklearn ")),
    Attack("loader-list", _keyed(loader_module=["mlflow.onnx"])),
    Attack("skops-keys", _skops(_keys, "posix.system")),
    Attack(
        "skops-list",
        _skops(lambda c: node("ListNode", "posix.system", [_shell(c)]), "posix.system"),
    ),
    Attack(
        "skops-constructor",
        _skops(
            lambda c: node(
                "ConstructorFromReduceNode", "posix.system", plain("TupleNode", _shell(c))
            ),
            "posix.system",
        ),
    ),
    Attack("skops-methodcaller", _skops(_caller, "operator.methodcaller")),
    Attack("skops-partial", _skops(_partial, "functools.partial", "posix.system")),
    Attack("skops-method", _skops(_method, "sklearn.pipeline.Pipeline.fit")),
    *(
        Attack(f"skops-function-{name}", _skops(_estimator_with(node("FunctionNode", name)), name))
        for name in (
            "builtins.eval",
            "builtins.exec",
            "numpy.load",
            "numpy.apply_along_axis",
            "numpy.f2py.compile",
            "scipy.io.loadmat",
            "sklearn.datasets._openml.fetch_openml",
            "sklearn.utils._testing.raises",
            "joblib.numpy_pickle.load",
            "collections.namedtuple",
        )
    ),
    Attack(
        "skops-type-as-function",
        _skops(_estimator_with(node("TypeNode", "sklearn.pipeline.Pipeline"))),
    ),
    Attack("skops-untold", _skops(_estimator_with(node("FunctionNode", "posix.system")))),
    Attack(
        "skops-old-protocol",
        _skops(lambda _: {**node("FunctionNode", "numpy.exp"), "protocol": 0}),
    ),
    Attack("skops-nested-unknown", _skops(lambda c: plain("ListNode", {"a": _keys(c)}))),
    Attack("xgboost-pickle", _boosted("xgboost")),
    Attack("xgboost-class", _boosted("xgboost", model_class="subprocess.Popen")),
    Attack("xgboost-class-list", _boosted("xgboost", model_class=["xgboost.core.Booster"])),
    Attack("lightgbm-pickle", _boosted("lightgbm")),
    Attack("lightgbm-class", _boosted("lightgbm", model_class="lightgbm.sklearn.LGBMClassifier")),
    Attack(
        "lightgbm-cloudpickle",
        _boosted("lightgbm", model_class="a.B", serialization_format="cloudpickle"),
    ),
    Attack("onnx-external-absolute", _external("{outside}")),
    Attack("onnx-external-relative", _external("../outside.bin")),
    Attack("onnx-custom-op", _custom_op),
    Attack(
        "onnx-provider-library",
        _onnx(providers=[["QNNExecutionProvider", {"backend_path": "library.so"}]]),
    ),
    Attack("onnx-provider-unknown", _onnx(providers=["TensorrtExecutionProvider"])),
    Attack(
        "onnx-session-config",
        _onnx(onnx_session_options={"extra_session_config": {"session.x": "library.so"}}),
    ),
    Attack("onnx-other-file", _onnx("library.so")),
    Attack("example-outside", _example(artifact_path="../outside.bin")),
    Attack("example-absolute", _example(serving_input_path="/etc/hostname")),
    Attack("model-config", _keyed(model_config={"a": 1})),
    Attack("streamable", _keyed(streamable=True)),
    Attack("predict-fn", _keyed(predict_fn="get_raw_model")),
    Attack("python-model", _keyed(python_model="evil/__init__.py")),
    Attack("artifacts-outside", _keyed(artifacts={"a": {"path": "../x", "uri": "x"}})),
    Attack("artifacts-code-outside", _keyed(model_code_path="evil/..")),
    Attack("artifacts-code-elsewhere", _keyed(model_code_path="/etc/hostname")),
    Attack("env-outside", _keyed(env={"conda": "/etc/hostname"})),
    Attack("yaml-tag", _yaml),
)
"""Every way. None may run where pickles are not allowed."""


def _honest(flavor: str, data: str, content: bytes) -> Callable[[Path, Path], None]:
    def make(folder: Path, _: Path) -> None:
        (folder / data).write_bytes(content)
        pyfunc = {"loader_module": f"mlflow.{flavor}", "data": data, "code": None}
        describe(folder, {"python_function": pyfunc, flavor: {"data": data, "code": None}})

    return make


def _honest_skops(folder: Path, _: Path) -> None:
    write_skops(folder, node("ObjectNode", "sklearn.pipeline.Pipeline"), [])


HONEST = (
    _honest("onnx", "model.onnx", b""),
    _honest("xgboost", "model.json", b"{}"),
    _honest("lightgbm", "model.lgb", b"tree\n"),
    _honest_skops,
)
"""Folders that are taken, though no library reads them."""
