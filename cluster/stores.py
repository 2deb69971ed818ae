"""The object store that the settings name."""

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlparse

from cluster.api import Api
from cluster.kinds import SECRET
from cluster.settings import Store
from components.errors import InputError, PlatformError, Unreachable
from components.platform import object_store

if TYPE_CHECKING:
    from obstore.store import ObjectStore, S3Credential

_ACCESS, _SECRET = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"


@dataclass(frozen=True)
class Stores:
    """The buckets of one store.

    Args:
        settings: of the store.
        api: where its keys are, for who has none in the environment.
        namespace: the team's.
    """

    settings: Store
    api: Api
    namespace: str

    @property
    def bucket(self) -> str:
        """That of records and versions."""
        return urlparse(self.settings.uri).netloc

    def open(self, bucket: str, below: str = "") -> "ObjectStore":
        """One bucket, or what is ``below`` a folder of it; nothing is asked of the store yet.

        Raises:
            InputError: its keys are nowhere.
        """
        scheme = urlparse(self.settings.uri).scheme
        return object_store.bucket(
            f"{scheme}://{bucket}",
            self.settings.endpoint,
            self.settings.region,
            (lambda: self._keys) if self.settings.secret else None,
            below,
        )

    @cached_property
    def _keys(self) -> "S3Credential":
        found: Mapping[str, str] = os.environ if _ACCESS in os.environ else self._in_secret()
        return {
            "access_key_id": found[_ACCESS],
            "secret_access_key": found[_SECRET],
            "token": None,
            "expires_at": None,
        }

    def _in_secret(self) -> Mapping[str, str]:
        try:
            found = self.api.get(SECRET, self.namespace, self.settings.secret)
        except Unreachable:
            raise
        except PlatformError:  # whoever merely looks may have a key that merely reads
            if not self.settings.reader:
                raise
            found = self.api.get(SECRET, self.namespace, self.settings.reader)
        data = (found or {}).get("data") or {}
        if not {_ACCESS, _SECRET} <= data.keys():
            raise InputError(
                f"namespace {self.namespace} has no Secret {self.settings.secret} with the keys"
                f" {_ACCESS} and {_SECRET}"
            )
        return {name: base64.b64decode(value).decode() for name, value in data.items()}
