"""What a release writes into the registry: aliases and tags, and only where they are its own.

Others set marks too, at any time: people, other endpoints of the model, whoever deletes a model and
registers it again. So an alias moves only from where this release left it or found it, and nothing
is written to a version that is not the one that was released.
"""

from components.errors import InputError
from components.identity import Identity
from components.platform import ModelRegistry, ModelVersion
from components.record import AliasSet, Outcome
from components.registry import names
from components.release.context import Release
from components.release.state import ReleaseState


def identity_of(model: str, entry: ModelVersion) -> Identity:
    """What a registered version of ``model`` is."""
    return Identity(model, entry.version, entry.tags.get(names.MANIFEST_TAG, ""))


def registered(registry: ModelRegistry, version: Identity) -> ModelVersion:
    """The registry's entry of a version.

    Raises:
        InputError: it has none, or another version has its number by now.
    """
    entry = registry.version(version.model, version.version)
    if version.digest and identity_of(version.model, entry) != version:
        raise InputError(
            f"version {version.version} of {version.model} in the registry is not the one of this"
            " release: the model was deleted and registered again: release again"
        )
    return entry


def mark_candidate(release: Release, state: ReleaseState) -> None:
    """Mark the version that gets its first users; a mark on another version stays there.

    Raises:
        InputError: the registry has the version no more.
        Unreachable: it does not answer. It is not waited for: users are on the candidate.
    """
    registry, ours = release.platform.registry, state.released
    registered(registry, ours)
    if _move(release, names.CANDIDATE, ours, None):
        release.record.append(AliasSet(alias=names.CANDIDATE, version=ours.version))


def mark_promotion(release: Release, state: ReleaseState) -> bool:
    """Tags first; the alias `champion` last, because that is what others go by.

    Returns:
        True if the version has the alias; False if somebody gave it to another one since the
        release began.

    Raises:
        InputError: the registry has the version no more.
        Unreachable: it does not answer.
    """
    registry, ours = release.platform.registry, state.released
    registered(registry, ours)
    tags = {names.RELEASE_TAG: state.release_id, names.OUTCOME_TAG: "promoted"}
    if state.champion and state.champion != state.candidate:
        before = state.identity(state.champion)
        other = "" if before.model == ours.model else f"{before.model} "
        tags[names.PREVIOUS_CHAMPION_TAG] = f"{other}{before.version}"
    registry.tag_version(ours.model, ours.version, tags)
    registry.swap_alias(ours.model, names.CANDIDATE, ours.version, None)
    return _move(release, names.CHAMPION, ours, _found(state))


def mark_return(release: Release, state: ReleaseState, outcome: Outcome) -> None:
    """Take back what a promotion that did not come to its end may have written; may be repeated.

    Nothing is to be taken back from a registry that has the version no more.

    Raises:
        Unreachable: the registry does not answer.
    """
    registry, ours = release.registry, state.released
    try:
        tags = registered(registry, ours).tags
    except InputError:
        return
    # The tags are written before the alias: without them the alias is another endpoint's work.
    marked = (tags.get(names.RELEASE_TAG), tags.get(names.OUTCOME_TAG))
    registry.swap_alias(ours.model, names.CANDIDATE, ours.version, None)
    if marked == (state.release_id, "promoted") and (before := _found(state)) != ours.version:
        _return_alias(registry, ours, before)
    if marked != (state.release_id, outcome):
        ended = {names.RELEASE_TAG: state.release_id, names.OUTCOME_TAG: outcome}
        registry.tag_version(ours.model, ours.version, ended)


def _return_alias(registry: ModelRegistry, ours: Identity, before: str | None) -> None:
    """Give the alias `champion` back to whom the release found it with, if it is still there."""
    try:
        registry.swap_alias(ours.model, names.CHAMPION, ours.version, before)
    except InputError:  # that version was deleted meanwhile
        registry.swap_alias(ours.model, names.CHAMPION, ours.version, None)


def _found(state: ReleaseState) -> str | None:
    """Which version of the candidate's model had the alias `champion` when the release began."""
    if state.aliases is not None:
        return state.aliases.get(names.CHAMPION)
    return state.champion  # as a record of an earlier Sluice has it


def _move(release: Release, alias: str, ours: Identity, found: str | None) -> bool:
    """Give the version an alias that is where it was found; who else has it keeps it."""
    registry = release.platform.registry
    for owner in (found, ours.version):  # ours: by an earlier try
        if registry.swap_alias(ours.model, alias, owner, ours.version):
            return True
    has = registry.alias(ours.model, alias)
    detail = f"alias {alias} is on version {has}, where somebody else set it: it stays there"
    release.record.note("alias_kept", detail)
    return False
