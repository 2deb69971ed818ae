"""A Kubernetes of one node on this very machine, with the real controllers, for trials and tests.

Built from Go modules, without Docker and without a registry. Everything runs in namespaces of its
own (`cluster.embedded.node`), so that one signal ends it and nothing of it is left.
"""
