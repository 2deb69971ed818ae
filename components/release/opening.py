"""Opening a release: who is released beside whom, and from which verified files."""

import math
import shutil
import time
from collections import Counter
from pathlib import Path

from components import bundle
from components.arms import version_of
from components.endpoint import Endpoint, refuse_undecidable
from components.errors import ArtifactError, InputError, SluiceError
from components.identity import Identity
from components.platform import ModelRegistry, ModelVersion, StoredVersion, Weights
from components.record import SCHEMA, Opened, ReleaseKind, signature
from components.record import Fetched as FetchedLine
from components.registry import names
from components.release.context import Release, as_step, ends_release_on_input_error
from components.release.lease import HeldLease
from components.release.marking import identity_of, registered
from components.release.results import Fetched
from components.release.state import ReleaseState
from components.release.windows import refuse_unknown_alerts


@as_step
def fetch(release: Release, endpoint: str, version: str) -> Fetched:
    """Take the lease, open the record, download and verify candidate and champion.

    Args:
        release: the release, which need not have begun.
        endpoint: its name.
        version: the version to release; the alias `candidate` decides if empty.

    Raises:
        InputError: the endpoint's file, the model or the version is wrong, or no split of the
            endpoint can come into force: another team has its path.
        ArtifactError: the files are missing, altered or refused.
        LeaseHeld: another release of the endpoint is under way.
        PlatformError: a split of the endpoint's requests would not hold.
    """
    if not release.record.exists():
        wanted_by = release.platform.endpoints.load(endpoint)
        refuse_undecidable(wanted_by)
        refuse_unknown_alerts(release.platform, wanted_by)
        release.platform.traffic.refuse_unsplittable(endpoint)
        _begin(release, wanted_by, version)
    state = release.state()
    held = release.hold(state)
    if state.files is None:
        with ends_release_on_input_error(release), held.kept():
            if why := release.platform.traffic.unfit(endpoint):
                raise InputError(why)
            stored = _store_all(release, state)
            _refuse_unfit(release, state, stored[state.candidate])
        files = {name: {"digest": its.digest, "uri": its.uri} for name, its in stored.items()}
        release.record.append(FetchedLine(version=state.candidate, files=files))
    return Fetched(candidate=state.candidate, champion=state.champion or "", kind=state.kind)


def _begin(release: Release, endpoint: Endpoint, version: str) -> None:
    signature.key()  # one that cannot be used is found before anything is touched
    # The lease comes first: whoever is refused leaves nothing behind, and a release that is killed
    # before its record begins leaves a lease, which the reaper gives back.
    held = release.take_lease(endpoint, release.platform.traffic.weights(endpoint.name))
    try:
        with held.kept():
            _open_record(release, held, endpoint, version)
    except SluiceError:
        held.release()
        raise


def _open_record(release: Release, held: HeldLease, endpoint: Endpoint, version: str) -> None:
    registry = release.registry
    named = version or candidate_of(registry, endpoint.model)
    entry = registry.version(endpoint.model, named)
    aliases = _aliases(registry, endpoint.model)
    # What serves is asked what serves; the registry, who is to be released.
    routed = release.platform.traffic.weights(endpoint.name)
    served = _served(release, endpoint, routed)
    marked = _registered(registry, endpoint.model, aliases.get(names.CHAMPION))
    candidate = identity_of(endpoint.model, entry)
    name = candidate.name_among(served)
    known = {**served, name: candidate}
    alias = None
    if marked:
        alias = marked.name_among(served)
        known[alias] = marked
    champion, kind = champion_of(entry, alias, routed, name)
    release_id = release.record.release_id
    run_id = release.patience.wait_for(lambda: _run(release, endpoint, entry.version))
    # An endpoint without a route has nothing to go back to, whatever the alias says.
    held.renew(restore={champion: 100} if champion and routed else {})
    release.record.append(
        Opened(
            schema=SCHEMA,
            release_id=release_id,
            endpoint=endpoint.name,
            model=endpoint.model,
            candidate=name,
            champion=champion,
            release_kind=kind,
            run_id=run_id,
            settings=endpoint.model_dump(mode="json"),
            versions={each: known[each] for each in (name, champion) if each},
            aliases=aliases,
            tagged=entry.tags.get(names.RELEASE_TAG, ""),
            place=release.platform.place,
        )
    )


def candidate_of(registry: ModelRegistry, model: str) -> str:
    """The version with the alias `candidate`.

    Raises:
        InputError: none has it.
    """
    named = registry.alias(model, names.CANDIDATE)
    if named is None:
        raise InputError(f"model {model} has no alias 'candidate': set it, or name a --version")
    return named


def _aliases(registry: ModelRegistry, model: str) -> dict[str, str]:
    found = {alias: registry.alias(model, alias) for alias in (names.CANDIDATE, names.CHAMPION)}
    return {alias: version for alias, version in found.items() if version is not None}


def _run(release: Release, endpoint: Endpoint, version: str) -> str:
    """The release's own run; one that an earlier try made is used."""
    registry, release_id = release.platform.registry, release.record.release_id
    found = registry.find_run(names.RELEASES_EXPERIMENT, names.RELEASE_TAG, release_id)
    return found or registry.create_run(
        names.RELEASES_EXPERIMENT,
        release_id,
        {
            names.RELEASE_TAG: release_id,
            names.ENDPOINT_TAG: endpoint.name,
            names.VERSION_TAG: version,
        },
    )


def _registered(registry: ModelRegistry, model: str, version: str | None) -> Identity | None:
    """What the registry has of that number; None for nothing, though an alias may name it."""
    if version is None:
        return None
    try:
        return identity_of(model, registry.version(model, version))
    except InputError:
        return None


def _served(release: Release, endpoint: Endpoint, routed: Weights) -> dict[str, Identity]:
    """What every version is that has a share or a predictor, by name; most traffic first."""
    serving, name = release.platform.serving, endpoint.name
    found = sorted({*routed, *serving.versions(name)}, key=lambda v: (-routed.get(v, 0), v))
    served = {}
    for version in found:
        stored = serving.stored(name, version)
        known = stored.identity if stored else None
        # A predictor that does not say what it was made from is what the registry takes it for.
        known = known or _registered(release.registry, endpoint.model, version)
        served[version] = known or Identity(endpoint.model, version, "")
    return served


def champion_of(
    candidate: ModelVersion, alias: str | None, routed: Weights, name: str = ""
) -> tuple[str | None, ReleaseKind]:
    """The champion and the way to go.

    The alias belongs to the model, which several endpoints may serve; what an endpoint's users get
    is its route's to say. So a route decides who the champion is, and the alias only where there is
    no route yet.

    Args:
        candidate: the version to release.
        alias: what the version with the alias `champion` is called at the endpoint.
        routed: the endpoint's split before the release; empty without a route.
        name: what the candidate is called there; its number if empty.
    """
    name, champion = name or candidate.version, alias
    shares = Counter[str]()
    for arm, share in routed.items():
        shares[version_of(arm)] += share
    if routed and alias not in shares:
        champion = max(shares, key=lambda version: shares[version])
    if champion is None or (champion == name and not routed):
        return None, "first"
    if champion == name:
        return champion, "unchanged"
    return champion, "re-release" if names.RELEASE_TAG in candidate.tags else "canary"


class _Lost(ArtifactError):
    """The files of a version that serves are nowhere."""


def _store_all(release: Release, state: ReleaseState) -> dict[str, StoredVersion]:
    """Candidate and champion, by name; a champion whose files are lost may have to be left out."""
    stored = {state.candidate: _store(release, state, state.candidate)}
    if state.champion and state.champion not in stored:
        try:
            stored[state.champion] = _store(release, state, state.champion)
        except _Lost as error:
            if state.endpoint.evaluation.regression.unanswered < 1:
                raise
            release.record.note("champion_not_compared", str(error))
    return stored


def _refuse_unfit(release: Release, state: ReleaseState, stored: StoredVersion) -> None:
    """Check, before anything is made for it, that the candidate can run at all.

    Raises:
        InputError: it cannot, by what the endpoint's file and the platform grant.
    """
    serving, name = release.platform.serving, state.endpoint.name
    served = serving.stored(name, state.candidate)
    if served and served.identity == stored.identity:
        return
    if why := serving.unfit(state.endpoint, stored, state.candidate):
        raise InputError(why)


def _store(release: Release, state: ReleaseState, name: str) -> StoredVersion:
    """The version's verified files in the platform's store, taken from the registry if need be.

    Raises:
        ArtifactError: the registry has not the files that were registered, or the endpoint refuses
            them; or somebody altered the store's copy, which a person should know. It was replaced:
            the same release works again.
        InputError: the registry has the version no more.
    """
    files, version = release.platform.files, state.identity(name)
    if not version.digest:  # a record of an earlier Sluice, or files that nothing vouches for
        entry = release.registry.version(version.model, version.version)
        version = identity_of(version.model, entry)
    stored = files.find(version.model, version.version, version.digest) if version.digest else None
    folder = release.scratch / f"fetch-{name}"
    altered: bundle.Altered | None = None
    if stored:
        try:
            files.get(stored, folder)
        except ArtifactError as error:
            altered = error if isinstance(error, bundle.Altered) else None
            stored = None
    if not stored:
        _refuse_lost(release, state, name)
        release.patience.wait_for(lambda: _download(release, version, folder))
    _verify(folder, version, state)
    stored = stored or files.put(version.model, version.version, version.digest, folder)
    if altered:
        raise ArtifactError(f"{altered}; now it is fetched from the registry anew: release again")
    return stored


def _refuse_lost(release: Release, state: ReleaseState, name: str) -> None:
    version = state.identity(name)
    try:
        registered(release.registry, version)
    except InputError as error:
        if name != state.champion:
            raise
        raise _Lost(
            f"version {name} serves, and its files are in neither the store nor the registry"
            f" ({error}): set evaluation.regression.unanswered: 1 to replace it uncompared"
        ) from error


def _download(release: Release, version: Identity, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    release.platform.registry.download(version.model, version.version, folder)


def _verify(folder: Path, version: Identity, state: ReleaseState) -> None:
    try:
        bundle.verify(folder, version.digest or None, state.endpoint.serving.allow_pickle)
    except bundle.Altered as error:
        raise ArtifactError(f"{error} in the registry: register the model again") from error
    if not version.digest:
        raise ArtifactError(
            f"{version.model} version {version.version} has no tag '{names.MANIFEST_TAG}', so its"
            " files have no checksum: register it with 'sluice register'"
        )


def new_release_id(endpoint: str, version: str, now: float) -> str:
    """An id that sorts by time and that people can read, from the endpoint's name.

    Args:
        endpoint: its name.
        version: of the candidate; empty if the alias decides.
        now: seconds since the epoch.
    """
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
    return f"{endpoint}-v{version or 'candidate'}-{stamp}-{math.floor(now % 1 * 1000):03d}"
