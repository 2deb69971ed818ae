"""`python -m components.platform.initializer ADDRESS FOLDER`: a version's files, verified.

Runs to its end before the predictor starts, so that no changed byte is ever loaded. Its last line
says why it refuses, and everybody may read it: no key or signed address is ever in it.
"""

import os
import shutil
import sys
from pathlib import Path
from urllib.parse import urlparse

from components.errors import InputError, SluiceError
from components.platform.clock import Clock, SystemClock
from components.platform.object_store import bucket
from components.platform.objects import get_version
from components.platform.patience import PATIENCE_S, Patience

STORE, ENDPOINT, REGION = "SLUICE_STORE", "SLUICE_STORE_ENDPOINT", "SLUICE_STORE_REGION"
"""What the store is: ``s3://`` or ``gs://``, where it is, if not at Amazon's, and its region."""


def digest_in(address: str) -> tuple[str, str]:
    """The bucket and the digest of ``...://BUCKET/versions/DIGEST#sha256:DIGEST``.

    Raises:
        InputError: it is no such address.
    """
    place = urlparse(address)
    algorithm, _, digest = place.fragment.partition(":")
    if algorithm != "sha256" or place.path != f"/versions/{digest}" or not place.netloc:
        raise InputError(f"{address}: no address of a version: release it again")
    return place.netloc, digest


def main(address: str, folder: Path, clock: Clock | None = None) -> None:
    """Fill the folder with the files at the address; a store that is away is asked for a minute.

    Args:
        address: see `digest_in`.
        folder: where to.
        clock: of waits; default: the machine's.

    Raises:
        SluiceError: it cannot; the folder must not be served.
    """
    name, digest = digest_in(address)
    scheme = urlparse(os.environ.get(STORE, "s3://")).scheme
    store = bucket(
        f"{scheme}://{name}", os.environ.get(ENDPOINT, ""), os.environ.get(REGION, "us-east-1")
    )

    def fill() -> None:
        for left in folder.iterdir():  # of an earlier attempt
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        get_version(store, digest, folder)

    Patience(clock or SystemClock(), PATIENCE_S).wait_for(fill)


if __name__ == "__main__":
    try:
        main(sys.argv[1], Path(sys.argv[2]))
    except SluiceError as error:
        sys.exit(str(error))
