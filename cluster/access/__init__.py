"""The way to an API server: which, and as whom."""

from cluster.access.found import Access, find_access

__all__ = ["Access", "find_access"]
