"""What is installed on the node: each controller's manifests, with our patches."""
