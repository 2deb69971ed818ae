"""The command that the embedded cluster adds to `sluice`, on every platform."""

COMMANDS = {"cluster": "run a Kubernetes of one node on this machine, for trials"}
