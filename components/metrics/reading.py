"""What was read of an endpoint's versions at one time."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from components.judge import Asked, Sample


@dataclass(frozen=True)
class Reading:
    """The newest counters of an endpoint's versions."""

    versions: Mapping[str, Mapping[str, Sample | None]]
    """By version and source; a source that is known but was not scraped lately is None."""
    unattributed: Mapping[str, float] = field(default_factory=dict)
    """Cumulative counts of what no version counted, by cause, as far as the gateway's series tell:
    they may not tell endpoints apart. Empty while the gateway is not scraped."""
    clients: Mapping[str, Mapping[str, Asked]] = field(default_factory=dict)
    """By version and client, over all sources that were read; empty where the gateway does not tell
    the clients apart."""
    overflowed: Mapping[str, float] = field(default_factory=dict)
    """By version: cumulative requests that the gateway itself refused, as too many were under way
    there (`components.gateway.OVERFLOW`). They are among the version's errors."""
