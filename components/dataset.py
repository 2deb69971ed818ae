"""Labelled rows in a CSV file with a header, from ``file://`` or ``s3://``."""

import csv
import hashlib
import io
import os
import random
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from components.errors import InputError, PlatformError, Unreachable
from components.files import read_limited

MAX_BYTES = 256 * 1024 * 1024
MAX_ROWS = 1_000_000
_SEED = 20_261_123


@dataclass(frozen=True)
class Dataset:
    """Rows of a data set, without and with their label.

    ``rows`` holds each row's other columns; ``targets`` its label. ``digest`` is the SHA-256 of the
    file's bytes, whatever part of the rows is kept.
    """

    uri: str
    digest: str
    rows: tuple[Mapping[str, str], ...]
    targets: tuple[str, ...]

    def sample(self, count: int | None) -> "Dataset":
        """``count`` rows drawn with a fixed seed, in their order in the file; all when None.

        The draw depends on the number of rows only, so champion and candidate see the same.
        """
        if count is None or count >= len(self.rows):
            return self
        kept = sorted(random.Random(_SEED).sample(range(len(self.rows)), count))  # noqa: S311 (no secret)
        return Dataset(
            self.uri,
            self.digest,
            tuple(self.rows[index] for index in kept),
            tuple(self.targets[index] for index in kept),
        )

    def texts(self, column: str = "text") -> tuple[str, ...]:
        """The values of ``column``.

        Raises:
            InputError: there is no such column.
        """
        if column not in self.rows[0]:
            raise InputError(f"{self.uri}: no column {column!r}: it has {', '.join(self.rows[0])}")
        return tuple(row[column] for row in self.rows)


def read(uri: str, target: str) -> Dataset:
    """The data set at ``uri``, whose label stands in column ``target``.

    An ``s3://`` address is read with the credentials and the server of the environment
    (``AWS_ENDPOINT_URL_S3``, ``AWS_ACCESS_KEY_ID`` and so on).

    Raises:
        InputError: there is no such file, or it is too large, not UTF-8, not a CSV file with a
            header, or has no column ``target``.
        Unreachable: the object store did not answer.
        PlatformError: the object store refused.
    """
    content = read_bytes(uri)
    return parse(content, target, uri)


def parse(content: bytes, target: str, uri: str) -> Dataset:
    """The data set in the CSV text ``content``; ``uri`` names it in errors. See `read`."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{uri}: not UTF-8 text: save the file as UTF-8") from error
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    rows: list[dict[str, str]] = []
    targets: list[str] = []
    try:
        names = reader.fieldnames or []
        if target not in names:
            raise InputError(f"{uri}: no column {target!r}: its header is {', '.join(names)!r}")
        if len(set(names)) != len(names) or len(names) < 2:
            raise InputError(f"{uri}: the header must name each column once and at least two")
        for row in reader:
            if None in row or None in row.values():
                raise InputError(f"{uri}:{reader.line_num}: not {len(names)} columns")
            if len(rows) == MAX_ROWS:
                raise InputError(f"{uri}: more than {MAX_ROWS} rows: cut the data set")
            targets.append(row.pop(target))
            rows.append(row)
    except csv.Error as error:
        raise InputError(f"{uri}:{reader.line_num}: not CSV: {error}") from error
    if not rows:
        raise InputError(f"{uri}: no rows below the header")
    return Dataset(uri, hashlib.sha256(content).hexdigest(), tuple(rows), tuple(targets))


def read_bytes(uri: str) -> bytes:
    """The content of the file at ``uri``; see `read` for the errors."""
    parsed = urlparse(uri)
    if parsed.scheme == "s3":
        return _read_s3(uri, parsed.netloc, parsed.path.lstrip("/"))
    if parsed.scheme != "file" or parsed.netloc not in ("", "localhost"):
        raise InputError(f"{uri}: not a data set's address: write s3://bucket/key or file:///path")
    path = Path(unquote(parsed.path))
    return read_limited(path, MAX_BYTES, name=uri, too_large="cut the data set")


def _read_s3(uri: str, bucket: str, key: str) -> bytes:
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

    try:
        with closing(s3_client()) as store:
            answer = store.get_object(Bucket=bucket, Key=key)
            with closing(answer["Body"]) as body:
                if answer["ContentLength"] > MAX_BYTES:
                    raise InputError(f"{uri}: larger than {MAX_BYTES} bytes: cut the data set")
                content: bytes = body.read()
        return content
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in ("NoSuchKey", "NoSuchBucket", "404"):
            raise InputError(f"{uri}: no such object: run 'sluice prepare' or upload it") from error
        raise PlatformError(f"{uri}: the object store refused: {error}") from error
    except HTTPClientError as error:
        raise Unreachable(f"{uri}: the object store did not answer: {error}") from error
    except BotoCoreError as error:
        raise PlatformError(f"{uri}: {error}: set the AWS_ variables of the platform") from error


def s3_client() -> Any:
    """A client for the object store that the environment names; close it after use."""
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=5,
        read_timeout=30,
        retries={"max_attempts": 3, "mode": "standard"},
        s3={"addressing_style": "path"},
    )
    return boto3.client(
        "s3", config=config, region_name=os.environ.get("AWS_DEFAULT_REGION", "us-east-1")
    )
