"""What an endpoint's file says, for tests that need one and are not about its content."""

from pathlib import Path
from typing import Any

import yaml

from components.endpoint import Endpoint


def endpoint_settings(name: str = "demo", **sections: Any) -> dict[str, Any]:
    """The content of an endpoint's file: what must be there, and ``sections``.

    The keys of a given section stand beside those that it has here, or in their place.
    """
    content: dict[str, Any] = {
        "name": name,
        "model": name,
        "evaluation": {
            "dataset": {"uri": "file:///none.csv", "target": "label"},
            "accuracy": {"min": 0.5},
        },
        "serving": {"runtime": "text-classifier"},
    }
    for section, given in sections.items():
        content[section] = content.get(section, {}) | given if isinstance(given, dict) else given
    return content


def endpoint(name: str = "demo", **sections: Any) -> Endpoint:
    """The endpoint of these settings."""
    return Endpoint.model_validate(endpoint_settings(name, **sections))


def endpoint_file(folder: Path, name: str, **sections: Any) -> Path:
    """Write the endpoint's file, ``<name>.yaml``, into ``folder``."""
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(endpoint_settings(name, **sections)))
    return path
