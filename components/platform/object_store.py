"""What is asked of any object store: one call each, with the library's errors turned into ours."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote, urlparse

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError

from components.errors import Unreachable

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig, S3Credential


def bucket(
    uri: str,
    endpoint: str = "",
    region: str = "us-east-1",
    keys: "Callable[[], S3Credential] | None" = None,
    below: str = "",
) -> "ObjectStore":
    """The bucket at ``s3://name`` or ``gs://name``; nothing is asked of the store yet.

    A store that is dead or halted is told within some ten seconds.

    Args:
        uri: of the bucket.
        endpoint: of an S3 store that is not Amazon's.
        region: of an S3 store.
        keys: what it is asked with; default: what the environment says, as the cloud gives it.
        below: the folder in it that is meant; empty: all of it.
    """
    from obstore.store import GCSStore, S3Store

    client: ClientConfig = {
        "connect_timeout": timedelta(seconds=2),
        # Between two reads: to copy a large model may take longer.
        "read_timeout": timedelta(seconds=10),
        "timeout": timedelta(minutes=30),
        "allow_http": endpoint.startswith("http://"),
    }
    retries: RetryConfig = {"max_retries": 2, "retry_timeout": timedelta(seconds=8)}
    place, prefix = urlparse(uri), below or None
    if place.scheme == "gs":
        return GCSStore(place.netloc, prefix=prefix, client_options=client, retry_config=retries)
    return S3Store(
        place.netloc,
        prefix=prefix,
        region=region,
        virtual_hosted_style_request=not endpoint,
        client_options=client,
        retry_config=retries,
        config={"endpoint": endpoint, "aws_endpoint_url_s3": endpoint} if endpoint else {},
        credential_provider=keys,
    )


@contextmanager
def answering(what: str) -> Iterator[None]:
    """Turn the library's errors into ours.

    A missing object stays a FileNotFoundError, which each caller reads in its own way.
    """
    try:
        yield
    except (AlreadyExistsError, FileNotFoundError):
        raise
    except (BaseError, OSError) as error:
        said = " ".join(str(error).partition("\n\nDebug source")[0].split())
        raise Unreachable(f"the object store did not take or give {what}: {said}") from error


def fetch(store: "ObjectStore", path: str) -> bytes:
    """The object at ``path``.

    Raises:
        FileNotFoundError: there is none.
    """
    with answering(path):
        return bytes(obstore.get(store, path).bytes())


def listing(store: "ObjectStore", prefix: str, offset: str | None = None) -> list[str]:
    """The objects below a folder, sorted; only those that come after ``offset``."""
    return sorted(sizes(store, prefix, offset))


def sizes(store: "ObjectStore", prefix: str, offset: str | None = None) -> dict[str, int]:
    """The bytes of each object that `listing` has."""
    with answering(prefix):
        pages = obstore.list(store, prefix, offset=offset)
        return {entry["path"]: entry["size"] for page in pages for entry in page}


def put(store: "ObjectStore", path: str, content: bytes) -> None:
    """Write an object, replacing what was there."""
    with answering(path):
        obstore.put(store, path, content)


def put_first(store: "ObjectStore", path: str, content: bytes) -> None:
    """Write an object, unless there is one."""
    with suppress(AlreadyExistsError), answering(path):
        obstore.put(store, path, content, mode="create")


def key_of(name: str) -> str:
    """A name of any alphabet as one part of a key; the store refuses "." and ".."."""
    quoted = quote(name, safe="")
    return quoted if quoted.strip(".") else quoted.replace(".", "%2E")
