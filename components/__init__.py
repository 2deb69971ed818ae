"""What a step does, and the domain that the steps stand on."""

import os

# Both libraries report to their makers when they are used, and ONNX Runtime keeps an identifier of
# the machine in the user's home, unless this stands in the environment before they are imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
