"""The model registry: its client, the names that Sluice writes there, and the way in."""

from components.registry.client import ModelVersion, Registry

__all__ = ["ModelVersion", "Registry"]
