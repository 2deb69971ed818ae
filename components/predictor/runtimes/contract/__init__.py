"""MLflow's contract: what a signature says of a model's rows, and how answers are made plain.

One reader of a row, whichever way it came: `kinds` reads a value, `table` and `arrays` a row of
columns or of tensors, `examples` the rows that were saved with the model. `plain` and `outputs` are
the way back: what a model answered as JSON, and as tensors.
"""
