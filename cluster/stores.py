"""The object store that the settings name."""

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlparse

from cluster.api import Api
from cluster.kinds import SECRET
from cluster.settings import Store
from components.errors import InputError

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig, S3Credential

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

    def open(self, bucket: str) -> "ObjectStore":
        """One bucket; nothing is asked of the store yet.

        A store that is dead or halted is told within some ten seconds.

        Raises:
            InputError: its keys are nowhere.
        """
        from obstore.store import GCSStore, S3Store

        client: ClientConfig = {
            "connect_timeout": timedelta(seconds=2),
            # Between two reads: to copy a large model may take longer.
            "read_timeout": timedelta(seconds=10),
            "timeout": timedelta(minutes=30),
            "allow_http": self.settings.endpoint.startswith("http://"),
        }
        retries: RetryConfig = {"max_retries": 2, "retry_timeout": timedelta(seconds=8)}
        if urlparse(self.settings.uri).scheme == "gs":
            return GCSStore(bucket, client_options=client, retry_config=retries)
        own = self.settings.endpoint
        return S3Store(
            bucket,
            region=self.settings.region,
            virtual_hosted_style_request=not own,
            client_options=client,
            retry_config=retries,
            config={"endpoint": own, "aws_endpoint_url_s3": own} if own else {},
            credential_provider=(lambda: self._keys) if self.settings.secret else None,
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
        found = self.api.get(SECRET, self.namespace, self.settings.secret)
        data = (found or {}).get("data") or {}
        if not {_ACCESS, _SECRET} <= data.keys():
            raise InputError(
                f"namespace {self.namespace} has no Secret {self.settings.secret} with the keys"
                f" {_ACCESS} and {_SECRET}"
            )
        return {name: base64.b64decode(value).decode() for name, value in data.items()}
