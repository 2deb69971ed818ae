"""Examples: a demonstration of the whole, on real servers."""
