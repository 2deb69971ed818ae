"""Who asks: credentials that are read again when they have been replaced."""

import json
import os
import subprocess
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from components.errors import PlatformError, Unreachable

_REREAD_S = 60.0
"""A pod's token is replaced long before it ends; its file is read again each minute, as by
Kubernetes' own clients."""
_EARLY_S = 30.0
"""A token is asked for anew so long before its end."""
_PATIENCE_S = 120.0
"""A program may ask a person to log in."""
_LOG_IN = "log in again"


@dataclass
class Bearer(httpx.Auth):
    """A token that does not change."""

    token: str

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Show the token."""
        request.headers["authorization"] = f"Bearer {self.token}"
        yield request


@dataclass
class _Renewed(httpx.Auth):
    """A token that is asked for again when it has ended, or was refused."""

    _token: str = field(default="", init=False)
    _until: float = field(default=0.0, init=False)
    """Seconds since the epoch."""

    def _ask(self) -> tuple[str, float]:
        """A token, and when it ends.

        Raises:
            Unreachable: there is none now.
            PlatformError: there never was one.
        """
        raise NotImplementedError

    def _renew(self) -> None:
        try:
            self._token, self._until = self._ask()
        except PlatformError as error:
            if not self._token:
                raise
            # It gave one before: whoever mends it mends this, and it ends no release.
            raise Unreachable(str(error)) from error

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Show the token, and another one if it is refused."""
        asked = not self._token or time.time() >= self._until
        if asked:
            self._renew()
        request.headers["authorization"] = f"Bearer {self._token}"
        answer = yield request
        if answer.status_code == httpx.codes.UNAUTHORIZED and not asked:
            self._renew()
            request.headers["authorization"] = f"Bearer {self._token}"
            yield request


@dataclass
class TokenFile(_Renewed):
    """A token in a file that somebody replaces."""

    path: Path

    def _ask(self) -> tuple[str, float]:
        try:
            return self.path.read_text(encoding="utf-8").strip(), time.time() + _REREAD_S
        except OSError as error:
            raise PlatformError(f"{self.path}: no token can be read: {error.strerror}") from error


@dataclass
class Program(_Renewed):
    """A token that a program of the user's gives: those of the clouds, or of a company's login.

    It is client-go's credential plugin, see `client.authentication.k8s.io`.
    """

    command: Sequence[str]
    version: str
    """Of the protocol."""
    env: Mapping[str, str]
    cluster: Mapping[str, Any] | None
    """What it is told of the cluster, if it asks for that."""

    def _ask(self) -> tuple[str, float]:
        spec: dict[str, Any] = {"interactive": False}
        if self.cluster is not None:
            spec["cluster"] = self.cluster
        asked = {"apiVersion": self.version, "kind": "ExecCredential", "spec": spec}
        env = {**os.environ, **self.env, "KUBERNETES_EXEC_INFO": json.dumps(asked)}
        name = self.command[0]
        try:
            done = subprocess.run(
                self.command, env=env, capture_output=True, timeout=_PATIENCE_S, check=False
            )
        except OSError as error:
            raise PlatformError(
                f"kubeconfig: {name} gives no token: {error.strerror}: install it, or see its path"
            ) from error
        except subprocess.TimeoutExpired as error:
            raise Unreachable(
                f"kubeconfig: {name} gives no token within {_PATIENCE_S:.0f} s: {_LOG_IN}"
            ) from error
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
            raise Unreachable(f"kubeconfig: {name} gives no token: {' '.join(said)}: {_LOG_IN}")
        try:
            status = json.loads(done.stdout)["status"]
            ends = status.get("expirationTimestamp")
            until = datetime.fromisoformat(ends).timestamp() - _EARLY_S if ends else float("inf")
            return str(status["token"]), until
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise PlatformError(
                f"kubeconfig: {name} gives no token but something else: use one that gives a token"
            ) from error
