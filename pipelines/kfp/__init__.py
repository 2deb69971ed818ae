"""The pipelines as Kubeflow Pipelines DAGs."""
