"""The object store that the settings name."""

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlparse

from cluster.api import Api
from cluster.kinds import SECRET
from cluster.settings import Store
from components.errors import InputError, PlatformError, SluiceError, Unreachable
from components.platform import Clock, SystemClock, object_store

if TYPE_CHECKING:
    from obstore.store import ObjectStore, S3Credential

MOUNTED = Path("/etc/sluice/store")
"""Where pods of ours have the Secret as files: the kubelet changes them when it is changed."""
REREAD_S = 60.0
"""How long keys are held that the API server was asked for. Others may have taken their place."""
_ACCESS, _SECRET = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"

Keys = Mapping[str, str]
"""By the names of the Secret's."""


@dataclass
class _Asked:
    """What the API server has said."""

    keys: Keys = field(default_factory=dict)
    until: float = 0.0
    """When it is asked again, in seconds of the clock's monotonic time."""


@dataclass(frozen=True)
class Stores:
    """The buckets of one store.

    Args:
        settings: of the store.
        api: where its keys are, for who has them neither in files nor in the environment.
        namespace: the team's.
        mounted: the folder of those files.
        clock: the machine's.
    """

    settings: Store
    api: Api
    namespace: str
    mounted: Path = MOUNTED
    clock: Clock = field(default_factory=SystemClock)
    _asked: _Asked = field(default_factory=_Asked, init=False, repr=False, compare=False)

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
            self.keys if self.settings.secret else None,
            below,
        )

    def keys(self) -> "S3Credential":
        """Those that hold now; they are asked for anew before a minute is over.

        Raises:
            InputError: they are nowhere.
            Unreachable: the API server did not answer, and never gave any.
            PlatformError: it refuses.
        """
        found = _in_files(self.mounted)
        if not found:
            found = os.environ if _ACCESS in os.environ else self._from_server()
        return {
            "access_key_id": found[_ACCESS],
            "secret_access_key": found[_SECRET],
            "token": None,
            "expires_at": datetime.now(UTC) + timedelta(seconds=REREAD_S),
        }

    def _from_server(self) -> Keys:
        known, now = self._asked, self.clock.monotonic()
        if not known.keys or now >= known.until:
            try:
                known.keys = self._in_secret()
            except SluiceError:
                if not known.keys:
                    raise  # else the last ones are shown: whether they hold the store says
            known.until = now + REREAD_S
        return known.keys

    def _in_secret(self) -> Keys:
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


def _in_files(mounted: Path) -> Keys:
    """The keys that are mounted; none where there are not both, or while they are being changed."""
    try:
        # Each change is a new folder, so both are of one.
        folder = (mounted / _ACCESS).resolve(strict=True).parent
        return {name: (folder / name).read_text(encoding="utf-8") for name in (_ACCESS, _SECRET)}
    except OSError:
        return {}
