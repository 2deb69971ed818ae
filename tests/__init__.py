"""The tests: each folder mirrors a package; what several of them need is in `tests.support`."""
