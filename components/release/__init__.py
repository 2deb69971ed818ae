"""A release: its state, its lease, the steps that move it, and the reaper that ends it."""
