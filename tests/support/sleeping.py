"""Requests to a model that takes as many seconds as its input says."""

import json
import time

import httpx

from tests.support.rigs import RealRig

COLUMN = "seconds"
PREDICT = f"time.sleep(float(max(model_input['{COLUMN}']))); return [0.0] * len(model_input)"
"""The model's one line (`tests.support.pyfuncs`)."""


def ask(rig: RealRig, endpoint: str, seconds: float) -> tuple[httpx.Response, float]:
    """A user's request that the model answers after ``seconds``; the seconds that it took, too."""
    tensor = {"name": COLUMN, "shape": [1], "datatype": "FP64", "data": [seconds]}
    body = json.dumps({"inputs": [tensor]}).encode()
    began = time.monotonic()
    return rig.post(endpoint, rig.key, content=body), time.monotonic() - began
