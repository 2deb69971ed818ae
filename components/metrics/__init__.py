"""What a gateway counted, out of Prometheus: raw counters, never rates."""

from components.metrics.alerts import Alerting
from components.metrics.reading import Reading
from components.metrics.usage import Metered, Usage

__all__ = ["Alerting", "Metered", "Reading", "Usage"]
