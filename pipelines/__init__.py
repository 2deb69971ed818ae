"""When a step runs: DAGs over `components`, their compiled forms and the engines that run them."""
