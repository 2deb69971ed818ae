"""The API server, asked by the kubectl that was built with it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.errors import PlatformError
from components.programs import output

Object = dict[str, Any]
"""A Kubernetes object as its manifest has it."""


@dataclass(frozen=True)
class Kubectl:
    """One cluster, as its administrator."""

    program: tuple[str, ...]
    kubeconfig: Path

    def run(self, *arguments: str, given: str = "") -> str:
        """What kubectl prints.

        Args:
            arguments: of kubectl.
            given: its standard input.

        Raises:
            PlatformError: it fails; with its last line.
        """
        command = [*self.program, "--kubeconfig", str(self.kubeconfig), *arguments]
        return output(command, f"kubectl {arguments[0]}", given=given)

    def answers(self) -> bool:
        """True when the API server is ready."""
        try:
            return self.run("get", "--raw", "/readyz", "--request-timeout", "5s") == "ok"
        except PlatformError:
            return False

    def apply(self, objects: Sequence[Object]) -> None:
        """Make the objects be as they are given, whoever set their fields before.

        Args:
            objects: namespaces and definitions before what needs them; each in a namespace
                names it.
        """
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
        flags = ("--server-side", "--force-conflicts", "--filename", "-")
        self.run("apply", *flags, given=text)

    def wait(self, what: str, condition: str, patience_s: int, namespace: str = "default") -> None:
        """Wait until ``what`` (``deployment/coredns``) has the condition.

        Raises:
            PlatformError: it has not, after ``patience_s`` seconds.
        """
        self.run(
            *("wait", what, "--for", f"condition={condition}"),
            *("--timeout", f"{patience_s}s", "--namespace", namespace),
        )


def load(text: str) -> list[Object]:
    """The objects of a file of manifests."""
    import yaml

    return [each for each in yaml.load_all(text, Loader=yaml.CSafeLoader) if each]
