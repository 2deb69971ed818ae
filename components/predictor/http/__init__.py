"""HTTP around KServe's application: a fast path, limits and counts, and what errors look like."""
