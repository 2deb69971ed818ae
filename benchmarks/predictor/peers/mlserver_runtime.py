"""MLServer's custom runtime; its settings are written by `contestants`."""

import os

from classifier import Classifier
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Runtime(MLModel):  # type: ignore[misc]  # not installed here
    """One model in one worker process."""

    async def load(self) -> bool:
        """Open the bundle."""
        self.classify = Classifier(os.environ["BUNDLE"], int(os.environ["THREADS"]))
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Answer one V2 request, or several that MLServer merged."""
        import numpy as np

        texts = StringCodec.decode_input(payload.inputs[0])
        labels, probabilities = zip(*self.classify(texts), strict=True)
        return InferenceResponse(
            model_name=self.name,
            outputs=[
                StringCodec.encode_output("label", list(labels)),
                NumpyCodec.encode_output("probability", np.array(probabilities, dtype=np.float32)),
            ],
        )
