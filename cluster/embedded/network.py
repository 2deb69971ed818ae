"""The node's addresses: all in a network namespace without a way out."""

NODE_NAME = "sluice-node"
NODE_ADDRESS = "10.89.0.2"
NODE_PREFIX = 24
PODS = "10.244.0.0/24"
"""One node, so one range for all pods."""
SERVICES = "10.96.0.0/16"
KUBERNETES = "10.96.0.1"
"""The first address of `SERVICES`, which Kubernetes gives the API server."""
DNS = "10.96.0.10"
API_PORT = 6443
API = f"https://{NODE_ADDRESS}:{API_PORT}"
"""The API server, for the node's own processes."""
DOMAIN = "cluster.local"
