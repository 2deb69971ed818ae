"""The commands that this platform adds to `sluice`: a module each, imported when it is called."""

COMMANDS = {
    "up": "start the platform and wait until it answers",
    "down": "stop the platform and every predictor",
    "status": "show each server's health, URL, memory and log",
    "notify": "say who is told of alerts, and try it",
    "doctor": "find what is missing or broken on this machine",
}
