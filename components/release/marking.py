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

ALIAS_KEPT = "alias_kept"
"""Event of an alias that somebody else moved: it stays where it is."""


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


def withdrawn(registry: ModelRegistry, state: ReleaseState) -> str:
    """Why the candidate is wanted no more; empty if it is, or if nobody had to wish for it.

    It was wanted by its alias, which somebody has taken away or given to another version, or the
    registry has it no more. That a release of another endpoint ended, and took the alias with it,
    is no such thing.

    Raises:
        Unreachable: the registry does not answer.
    """
    ours = state.released
    if not (_is_wished(state) or state.marked) or state.candidate == state.champion:
        return ""
    unwanted = f"version {ours.version} is wanted no more"
    try:
        ended = registered(registry, ours).tags.get(names.RELEASE_TAG, "")
    except InputError as error:
        return f"{unwanted}: {error}"
    if (has := registry.alias(ours.model, names.CANDIDATE)) == ours.version:
        return ""
    if ended == state.release_id or (has is None and ended != state.tagged):
        return ""
    where = f"is on version {has} now" if has else "was taken away"
    return f"{unwanted}: its alias {names.CANDIDATE} {where}"


def mark_candidate(release: Release, state: ReleaseState) -> None:
    """Mark the version that gets its first users; a mark on another version stays there.

    Raises:
        InputError: the registry has the version no more.
        Unreachable: it does not answer. It is not waited for: users are on the candidate.
    """
    registry, ours = release.platform.registry, state.released
    registered(registry, ours)
    if _is_wished(state):
        if registry.alias(ours.model, names.CANDIDATE) != ours.version:
            return  # withdrawn in this moment: it is not given back
    elif not _move(release, names.CANDIDATE, ours, None):
        return
    release.record.append(AliasSet(alias=names.CANDIDATE, version=ours.version))


def _is_wished(state: ReleaseState) -> bool:
    """Whether the candidate had its alias when the release began."""
    return (state.aliases or {}).get(names.CANDIDATE) == state.released.version


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
    if marked == (state.release_id, "promoted") and (before := _found(state)) != ours.version:
        _return_alias(registry, ours, before)
    if marked != (state.release_id, outcome):
        ended = {names.RELEASE_TAG: state.release_id, names.OUTCOME_TAG: outcome}
        registry.tag_version(ours.model, ours.version, ended)
    # Last: releases of it elsewhere see by the tag that nobody has withdrawn it.
    registry.swap_alias(ours.model, names.CANDIDATE, ours.version, None)


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
    """Give the version an alias that is where it was found; who else has it keeps it.

    An alias goes with a version that is deleted.
    """
    registry = release.platform.registry
    for owner in (found, ours.version):  # ours: by an earlier try
        if registry.swap_alias(ours.model, alias, owner, ours.version):
            return True
    has = registry.alias(ours.model, alias)
    if has is None and found and not _has(registry, ours.model, found):
        return registry.swap_alias(ours.model, alias, None, ours.version)
    detail = f"alias {alias} is on version {has}, where somebody else set it: it stays there"
    release.record.note(ALIAS_KEPT, detail)
    return False


def _has(registry: ModelRegistry, model: str, version: str) -> bool:
    try:
        registry.version(model, version)
    except InputError:
        return False
    return True
