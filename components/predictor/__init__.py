"""The serving process of one model version: KServe's protocol, a fast path, a scheduler."""

from components.predictor.model import Model, ModelFailure
from components.predictor.runtimes import open_model

__all__ = ["Model", "ModelFailure", "open_model"]
