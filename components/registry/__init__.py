"""The model registry: its client, the names that Sluice writes there, and the way in."""

from components.platform.model_registry import ModelVersion
from components.registry.client import Registry

__all__ = ["ModelVersion", "Registry"]
