"""The platform of Kubernetes, and a Kubernetes of one node to try it on."""
