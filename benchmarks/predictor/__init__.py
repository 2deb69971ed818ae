"""The predictor against the graph's own limit and against other servers."""
