"""The former name of `components.registry.flavor`, kept for the versions that carry it.

The `MLmodel` files of text classifiers that were registered before the move name this module as
their loader, and their manifests forbid writing another name into them.
"""

from components.registry.flavor import _load_pyfunc

__all__ = ["_load_pyfunc"]
