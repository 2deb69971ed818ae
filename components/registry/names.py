"""Every name that Sluice reads or writes in the registry: aliases, tags, experiments, the loader.

They stand in registries that exist: a name that changes here is not found again there.
"""

CANDIDATE = "candidate"
"""Alias of the version that is to be released, or is being released."""
CHAMPION = "champion"
"""Alias of the version in production."""

MANIFEST_TAG = "sluice.manifest"
"""Of a version: SHA-256 of its `MANIFEST.json`, which vouches for its files."""
RECIPE_TAG = "sluice.recipe"
"""Of a version: digest of all that made it, by which it is found again."""
DATA_TAG = "sluice.training-data"
"""Of a version: SHA-256 of the file that it was trained on."""
NAME_TAG = "sluice.name"
"""Of a version: what people call it."""
RELEASE_TAG = "sluice.release"
"""Of a version and of a release's run: the release's id."""
OUTCOME_TAG = "sluice.outcome"
"""Of a version: how its last release ended."""
PREVIOUS_CHAMPION_TAG = "sluice.previous_champion"
"""Of a version that was promoted: the version that it replaced."""
ENDPOINT_TAG = "sluice.endpoint"
"""Of a release's run: the endpoint."""
VERSION_TAG = "sluice.version"
"""Of a release's run: the candidate's version."""
METRIC_PREFIX = "sluice."
"""Before the name of a figure of the evaluation that is written as a version's tag."""

RECORD_TAG = "sluice.record"
"""Of a version, before a release's id: number and hash of the end of that release's record."""
SIGNATURE_TAG = "sluice.signature"
"""Of a version, before a release's id: the signature of the tag above."""

RELEASES_EXPERIMENT = "sluice-releases"
"""Experiment that holds a run for each release."""
REGISTERED_EXPERIMENT = "sluice-registered"
"""Experiment that holds a run for each model that a user registered."""

LOADER_MODULE = "components.registry.flavor"
"""Module with `_load_pyfunc`, named in the `MLmodel` file of every text classifier.

It may never change, wherever the code goes: stored artifacts carry it, a manifest protects them
from being rewritten, and MLflow imports exactly this name to load them.
"""

FORMER_LOADER_MODULE = "components.training.flavor"
"""The same, of text classifiers that were registered before it moved."""
