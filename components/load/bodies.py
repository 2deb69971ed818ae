"""What an endpoint is asked: requests of its own runtime, from the rows of its own data set."""

from collections.abc import Callable, Iterator, Mapping

from components import dataset
from components.endpoint import Endpoint
from components.load.mix import LONG_SHARE
from components.predictor.runtimes import runtime_of


def bodies_for(
    endpoint: Endpoint,
    read: Callable[[str, int], bytes],
    seed: int,
    *,
    long_messages: bool,
    datatypes: Mapping[str, str],
) -> Iterator[bytes]:
    """Endless V2 requests from the rows of the endpoint's own data set.

    Args:
        endpoint: who is asked.
        read: the bytes at an address, at most so many (`components.platform.Files.read`).
        seed: makes the same requests again.
        datatypes: in which its inputs are to be sent, as far as they are known.
        long_messages: a `LONG_SHARE` of the texts are long ones; rows that are no texts stay.
    """
    source = endpoint.evaluation.dataset
    data = dataset.read(read, source.uri, source.target)
    runtime = runtime_of(endpoint.serving.runtime)
    return runtime.bodies(data, LONG_SHARE if long_messages else 0.0, seed, datatypes)
