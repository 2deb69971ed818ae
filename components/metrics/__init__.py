"""What a gateway counted, out of Prometheus: raw counters, never rates."""

from components.metrics.reading import Reading

__all__ = ["Reading"]
