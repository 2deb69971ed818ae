"""The pipelines as workflows of Argo, written with Hera."""
