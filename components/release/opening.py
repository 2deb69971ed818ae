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
from components.platform import ModelVersion, StoredVersion, Weights
from components.record import SCHEMA, Opened, ReleaseKind
from components.record import Fetched as FetchedLine
from components.registry import names
from components.release.context import Release, ends_release_on_input_error, records_failure
from components.release.lease import HeldLease
from components.release.results import Fetched
from components.release.state import ReleaseState


@records_failure
def fetch(release: Release, endpoint: str, version: str) -> Fetched:
    """Take the lease, open the record, download and verify candidate and champion.

    Args:
        release: the release, which need not have begun.
        endpoint: its name.
        version: the version to release; the alias `candidate` decides if empty.

    Raises:
        InputError: the endpoint's file, the model or the version is wrong.
        ArtifactError: the files are missing, altered or refused.
        LeaseHeld: another release of the endpoint is under way.
    """
    if not release.record.exists():
        wanted_by = release.platform.endpoints.load(endpoint)
        refuse_undecidable(wanted_by)
        _begin(release, wanted_by, version)
    state = release.state()
    held = release.hold(state)
    if state.files is None:
        with ends_release_on_input_error(release), held.kept():
            wanted = dict.fromkeys(v for v in (state.candidate, state.champion) if v)
            stored = [_store(release, state, each) for each in wanted]
        files = {each.version: {"digest": each.digest, "uri": each.uri} for each in stored}
        release.record.append(FetchedLine(version=state.candidate, files=files))
    return Fetched(candidate=state.candidate, champion=state.champion or "", kind=state.kind)


def _begin(release: Release, endpoint: Endpoint, version: str) -> None:
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
    registry = release.platform.registry
    named = version or registry.alias(endpoint.model, names.CANDIDATE)
    if named is None:
        raise InputError(
            f"model {endpoint.model} has no alias 'candidate': set it, or name a --version"
        )
    entry = registry.version(endpoint.model, named)
    alias = registry.alias(endpoint.model, names.CHAMPION)
    champion, kind = champion_of(entry, alias, release.platform.traffic.weights(endpoint.name))
    release_id = release.record.release_id
    run_id = registry.find_run(
        names.RELEASES_EXPERIMENT, names.RELEASE_TAG, release_id
    ) or registry.create_run(
        names.RELEASES_EXPERIMENT,
        release_id,
        {
            names.RELEASE_TAG: release_id,
            names.ENDPOINT_TAG: endpoint.name,
            names.VERSION_TAG: entry.version,
        },
    )
    # An endpoint without a route has nothing to go back to, whatever the alias says.
    routed = release.platform.traffic.weights(endpoint.name)
    held.renew(restore={champion: 100} if champion and routed else {})
    release.record.append(
        Opened(
            schema=SCHEMA,
            release_id=release_id,
            endpoint=endpoint.name,
            model=endpoint.model,
            candidate=entry.version,
            champion=champion,
            release_kind=kind,
            run_id=run_id,
            settings=endpoint.model_dump(mode="json"),
        )
    )


def champion_of(
    candidate: ModelVersion, alias: str | None, routed: Weights
) -> tuple[str | None, ReleaseKind]:
    """The champion and the way to go.

    The alias belongs to the model, which several endpoints may serve; what an endpoint's users get
    is its route's to say. So a route decides who the champion is, and the alias only where there is
    no route yet.

    Args:
        candidate: the version to release.
        alias: the version with the alias `champion`.
        routed: the endpoint's split before the release; empty without a route.
    """
    champion, shares = alias, Counter[str]()
    for arm, share in routed.items():
        shares[version_of(arm)] += share
    if routed and alias not in shares:
        champion = max(shares, key=lambda version: shares[version])
    if champion is None or (champion == candidate.version and not routed):
        return None, "first"
    if champion == candidate.version:
        return champion, "unchanged"
    return champion, "re-release" if names.RELEASE_TAG in candidate.tags else "canary"


def _store(release: Release, state: ReleaseState, version: str) -> StoredVersion:
    """The version's verified files in the platform's store, taken from the registry if need be.

    Raises:
        ArtifactError: the registry has not the files that were registered, or the endpoint refuses
            them; or somebody altered the store's copy, which a person should know. It was replaced:
            the same release works again.
    """
    registry, files = release.platform.registry, release.platform.files
    digest = registry.version(state.model, version).tags.get(names.MANIFEST_TAG)
    stored = files.find(state.model, version, digest) if digest else None
    folder = release.scratch / f"fetch-{version}"
    altered: bundle.Altered | None = None
    if stored:
        try:
            files.get(stored, folder)
        except ArtifactError as error:
            altered = error if isinstance(error, bundle.Altered) else None
            stored = None
            shutil.rmtree(folder, ignore_errors=True)
    if not stored:
        registry.download(state.model, version, folder)
    _verify(folder, digest, state, version)
    stored = stored or files.put(state.model, version, digest or "", folder)
    if altered:
        raise ArtifactError(f"{altered}; now it is fetched from the registry anew: release again")
    return stored


def _verify(folder: Path, digest: str | None, state: ReleaseState, version: str) -> None:
    try:
        bundle.verify(folder, digest, state.endpoint.serving.allow_pickle)
    except bundle.Altered as error:
        raise ArtifactError(f"{error} in the registry: register the model again") from error
    if digest is None:
        raise ArtifactError(
            f"{state.model} version {version} has no tag '{names.MANIFEST_TAG}', so its files have"
            " no checksum: register it with 'sluice register'"
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
