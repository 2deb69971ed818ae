"""What runs a pipeline: each engine submits a release, says whether it runs, and stops it."""
