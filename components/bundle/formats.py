"""The closed list of what may be loaded where an endpoint allows no pickle.

A loader, the keys that its flavour may have, and the one file that it opens. What is not written
here is refused: MLflow imports whatever module a file `MLmodel` names, and most of its flavours
unpickle what they find.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from components.bundle import skops_file
from components.bundle.mlmodel import (
    FORMER_LOADER_MODULE,
    LOADER_MODULE,
    NAME,
    PYFUNC,
    Description,
)
from components.errors import ArtifactError
from components.printing import printable

_MEND = (
    "save the model as skops (mlflow.sklearn, serialization_format='skops') or ONNX (mlflow.onnx),"
    " or set serving.allow_pickle: true"
)

_LONGEST = 500
"""Characters of what is said of a file that may hold anything."""

_TOP_LEVEL = frozenset(
    {
        "artifact_path",
        "auth_policy",
        "databricks_runtime",
        "env_vars",
        "flavors",
        "is_signature_from_type_hint",
        "metadata",
        "mlflow_version",
        "model_id",
        "model_size_bytes",
        "model_uuid",
        "prompts",
        "resources",
        "run_id",
        "saved_input_example_info",
        "signature",
        "type_hint_from_example",
        "utc_time_created",
    }
)
_PYFUNC_KEYS = frozenset(
    {"code", "data", "env", "loader_module", "model_path", "predict_fn", "python_version"}
)
_PREDICT = frozenset(
    {"predict", "predict_proba", "predict_log_proba", "predict_joint_log_proba", "score"}
)
_ANY_FLAVOR = frozenset({"code", "extra_files"})

_PROVIDERS = frozenset({"CPUExecutionProvider", "CUDAExecutionProvider"})
_SESSION_OPTIONS = frozenset(
    {
        "execution_mode",
        "graph_optimization_level",
        "inter_op_num_threads",
        "intra_op_num_threads",
    }
)
_XGBOOST_CLASSES = frozenset(
    {
        "xgboost.core.Booster",
        "xgboost.sklearn.XGBClassifier",
        "xgboost.sklearn.XGBRFClassifier",
        "xgboost.sklearn.XGBRFRegressor",
        "xgboost.sklearn.XGBRanker",
        "xgboost.sklearn.XGBRegressor",
    }
)
_LIGHTGBM_BOOSTER = "lightgbm.basic.Booster"


@dataclass(frozen=True)
class Opened:
    """The one file that a loader opens."""

    name: str
    """Empty for Sluice's own loader, whose `bundle.json` names its files."""
    kind: str
    """What it must be: ``skops``, ``onnx``, ``xgboost``, ``lightgbm`` or ``own``."""


@dataclass(frozen=True)
class _Format:
    flavor: str
    keys: frozenset[str]
    opened: Callable[[Mapping[str, Any], Mapping[str, Any]], Opened]
    """From the keys of `python_function` and of the flavour; raises _Refused."""


class _Refused(Exception):
    """Why a model is not of its format, without the folder and the mend."""


def opened(folder: Path, description: Description) -> Opened:
    """What is opened when MLflow loads the model, if that runs no code of the model's.

    Args:
        folder: for the message; nothing is read.
        description: what its `MLmodel` says.

    Raises:
        ArtifactError: loading it could run code, or nobody knows that it does not.
    """
    try:
        return _opened(description)
    except _Refused as error:
        raise ArtifactError(f"{folder}: {printable(str(error)[:_LONGEST])}: {_MEND}") from None


def refuse_code(folder: Path, description: Description) -> Opened:
    """The same, with a look into the file.

    Raises:
        ArtifactError: see `opened`; or the file is not what its format says, or asks for a type
            that runs code.
    """
    found = opened(folder, description)
    if found.kind == "own":
        return found
    path = folder / found.name
    if not path.is_file() or path.is_symlink():
        raise ArtifactError(f"{folder}: {found.name} is no regular file: save the model again")
    if found.kind == "skops":
        skops_file.refuse_code(path)
        return found
    with path.open("rb") as file:
        head = file.read(16)
    begins = {"xgboost": b"{", "lightgbm": b"tree"}.get(found.kind, b"")
    if not head.startswith(begins):
        raise ArtifactError(
            f"{folder}: {found.name} is not written by {found.kind} itself: {_MEND}"
        )
    return found


def _opened(description: Description) -> Opened:
    pyfunc = description.flavors.get(PYFUNC)
    if pyfunc is None:
        raise _Refused(f"{NAME} has no {PYFUNC} flavor")
    loader = pyfunc.get("loader_module")
    known = _FORMATS.get(loader) if isinstance(loader, str) else None
    if known is None:
        raise _Refused(f"loader {loader!r} is none of those that are known to run no code")
    _refuse_keys("the file", description.content, _TOP_LEVEL)
    if description.content.get("is_signature_from_type_hint"):
        raise _Refused("its signature is a type hint of code")
    _refuse_keys("flavors", description.flavors, frozenset({PYFUNC, known.flavor}))
    flavor = description.flavors.get(known.flavor)
    if flavor is None:
        # MLflow takes a model whose flavour it does not find for a pickle.
        raise _Refused(f"loader {loader} needs the flavor {known.flavor}, which is missing")
    for conf in (pyfunc, flavor):
        if conf.get("code") is not None:
            raise _Refused(f"it brings program code ({conf['code']!r}), which can run any code")
    _refuse_keys(PYFUNC, pyfunc, _PYFUNC_KEYS)
    _refuse_keys(known.flavor, flavor, known.keys | _ANY_FLAVOR)
    if not _is_one(pyfunc.get("predict_fn", "predict"), _PREDICT):
        raise _Refused(f"predict_fn {pyfunc['predict_fn']!r} is none that predicts")
    return known.opened(pyfunc, flavor)


def _refuse_keys(where: str, conf: Mapping[str, Any], known: frozenset[str]) -> None:
    if unknown := sorted(str(key) for key, value in conf.items() if key not in known and value):
        raise _Refused(
            f"{NAME} has the key {unknown[0]!r} in {where}, which is none of those that"
            " are known to run no code"
        )


def _is_one(value: Any, known: frozenset[str]) -> bool:
    return isinstance(value, str) and value in known


def _file(value: Any, suffix: str = "") -> str:
    """A file beside `MLmodel`: MLflow looks for another `MLmodel` beside one that lies deeper."""
    if not isinstance(value, str) or len(PurePosixPath(value).parts) != 1:
        raise _Refused(f"{value!r} is no file beside {NAME}")
    name = str(PurePosixPath(value))
    if not name.endswith(suffix):
        raise _Refused(f"{name} does not end with {suffix}")
    return name


def _same(pyfunc: Mapping[str, Any], flavor: Mapping[str, Any], suffix: str = "") -> str:
    if pyfunc.get("data") != flavor.get("data"):
        raise _Refused(f"{NAME} names two different files as data")
    return _file(flavor.get("data"), suffix)


def _skops(flavor: Mapping[str, Any], name: str) -> Opened:
    form = flavor.get("serialization_format")
    if form != "skops":
        raise _Refused(
            f"{name} is a pickle by its {NAME} (serialization_format: {form}), which can run any"
            " code"
        )
    trusted = flavor.get("skops_trusted_types") or []
    if not isinstance(trusted, list) or not all(isinstance(each, str) for each in trusted):
        raise _Refused("skops_trusted_types is no list of names")
    if unknown := sorted(set(trusted) - skops_file.NAMES):
        raise _Refused(f"the model asks to trust {unknown[0]}, which is not on Sluice's list")
    return Opened(name, "skops")


def _sklearn(pyfunc: Mapping[str, Any], flavor: Mapping[str, Any]) -> Opened:
    if "data" in pyfunc:
        raise _Refused("mlflow.sklearn takes model_path, not data")
    return _skops(flavor, _file(pyfunc.get("model_path")))


def _lightgbm(pyfunc: Mapping[str, Any], flavor: Mapping[str, Any]) -> Opened:
    name = _same(pyfunc, flavor)
    if flavor.get("model_class", _LIGHTGBM_BOOSTER) == _LIGHTGBM_BOOSTER:
        return Opened(name, "lightgbm")
    return _skops(flavor, name)


def _xgboost(pyfunc: Mapping[str, Any], flavor: Mapping[str, Any]) -> Opened:
    name = flavor.get("model_class", "xgboost.core.Booster")
    if not _is_one(name, _XGBOOST_CLASSES):
        raise _Refused(f"model_class {name!r} is none of XGBoost's own")
    return Opened(_same(pyfunc, flavor), "xgboost")


def _onnx(pyfunc: Mapping[str, Any], flavor: Mapping[str, Any]) -> Opened:
    providers = flavor.get("providers") or []
    if not isinstance(providers, list) or not all(_is_one(each, _PROVIDERS) for each in providers):
        # Options of a provider may name libraries to load.
        raise _Refused(f"providers {providers!r} are other than {' and '.join(sorted(_PROVIDERS))}")
    options = flavor.get("onnx_session_options") or {}
    if not isinstance(options, dict):
        raise _Refused("onnx_session_options are no mapping")
    _refuse_keys("onnx_session_options", options, _SESSION_OPTIONS)
    return Opened(_same(pyfunc, flavor, ".onnx"), "onnx")


def _own(pyfunc: Mapping[str, Any], _: Mapping[str, Any]) -> Opened:
    if "data" in pyfunc:
        raise _Refused(f"{LOADER_MODULE} takes no data")
    return Opened("", "own")


_TEXTS = _Format("sluice_text_classifier", frozenset({"onnxruntime", "tokenizers"}), _own)

_FORMATS: Mapping[str, _Format] = {
    "mlflow.sklearn": _Format(
        "sklearn",
        frozenset(
            {"pickled_model", "serialization_format", "skops_trusted_types", "sklearn_version"}
        ),
        _sklearn,
    ),
    "mlflow.onnx": _Format(
        "onnx", frozenset({"data", "onnx_session_options", "onnx_version", "providers"}), _onnx
    ),
    "mlflow.xgboost": _Format(
        "xgboost", frozenset({"data", "model_class", "model_format", "xgb_version"}), _xgboost
    ),
    "mlflow.lightgbm": _Format(
        "lightgbm",
        frozenset(
            {"data", "lgb_version", "model_class", "serialization_format", "skops_trusted_types"}
        ),
        _lightgbm,
    ),
    LOADER_MODULE: _TEXTS,
    FORMER_LOADER_MODULE: _TEXTS,
}
