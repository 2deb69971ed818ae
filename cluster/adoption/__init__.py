"""Taking over an InferenceService and its route, without a request that fails on the way."""
