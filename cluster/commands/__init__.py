"""The commands that this platform adds to `sluice`: a module each, imported when it is called."""

COMMANDS = {
    "up": "check what an installation needs; start nothing",
    "adopt": "make an InferenceService that serves users an endpoint's champion",
    "status": "show endpoints, and the health of the servers",
}
