"""The one file that a data scientist edits: `endpoints/<name>.yaml`, checked strictly."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from components import gateway, yaml_text
from components.durations import Duration
from components.durations import between as _from
from components.errors import InputError
from components.files import read_limited
from components.judge import JudgeSettings, Policy, Steps, undecidable
from components.model_name import ModelName
from components.models import Strict
from components.shadow import Shadow
from components.windows import Windows

MAX_FILE_BYTES = 64 * 1024

MOST = 2**31 - 1
"""Of whatever is counted: what every program on the way can hold."""


class Dataset(Strict):
    """Held-out rows with their labels."""

    uri: str = Field(pattern=r"^(s3|file)://")
    target: str
    rows: int | None = Field(None, ge=50, le=MOST)
    """Score this many rows, drawn with a fixed seed; all rows when absent."""


class Accuracy(Strict):
    """The baseline."""

    min: float = Field(ge=0, le=1)


class Latency(Strict):
    """The latency test before any user sees the version."""

    p95_ms: float = Field(200, gt=0, le=600_000)
    concurrency: int = Field(4, ge=1, le=256)


class Regression(Strict):
    """Candidate against champion on the same rows, exact McNemar."""

    alpha: float = Field(0.05, gt=0, lt=1)
    unanswered: float = Field(0.5, ge=0, le=1)
    """Share of the rows that the champion may fail to answer; they are left out of the test."""


class Evaluation(Strict):
    """The promotion criteria."""

    dataset: Dataset
    accuracy: Accuracy
    latency: Latency = Latency(p95_ms=200, concurrency=4)
    regression: Regression = Regression(alpha=0.05)
    allow_narrower_inputs: bool = False
    """Let a candidate pass that refuses what the champion takes: a column that it newly requires,
    a type that holds less, a parameter that is gone."""


class Resources(Strict):
    """What one predictor may use. Kubernetes enforces it; one machine does not."""

    cpu: str = Field("1", pattern=r"^[0-9]{1,6}(\.[0-9]{1,3})?m?$")
    memory: str = Field("2Gi", pattern=r"^[0-9]{1,9}(Mi|Gi)$")


class Scaling(Strict):
    """How many predictors a version has. Kubernetes follows it; one machine always runs one."""

    min: int = Field(1, ge=0, le=10_000)
    """With 0 a version that nobody asks has none: it sleeps, and the first request wakes it."""
    max: int = Field(1, ge=1, le=10_000)
    queue_depth: int = Field(4, ge=1, le=MOST)
    """So many requests may wait at each predictor; where they are more, there are to be more of
    them. With `min: 0` those that are being answered count as well."""
    cooldown: Annotated[
        Duration, _from("1s", "1h", "Kubernetes' autoscaler looks back no further")
    ] = 300.0
    """How long fewer would do before there are fewer, or none."""

    @model_validator(mode="after")
    def _min_below_max(self) -> Self:
        if self.min > self.max:
            raise ValueError(f"min {self.min} is more than max {self.max}")
        return self


class Queue(Strict):
    """What one predictor holds back before it refuses."""

    requests: int = Field(256, ge=1, le=MOST)
    tokens: int = Field(32768, ge=1, le=MOST)
    """Of a text, or rows of a table; one request may not have more."""
    deadline: Annotated[
        Duration, _from("10ms", "10m", "gateway, predictor and release wait as long as that")
    ] = 5.0
    """From a request's arrival to its answer; what all waits on the way are derived from."""


Batching = Literal["alone", "equal-length", "padded"]
"""Which rows of different requests may run together."""


class Execution(Strict):
    """How one predictor runs its model; what is absent is calibrated at warm-up."""

    executors: int | None = Field(None, ge=1, le=1024)
    """Batches that run side by side."""
    threads: int | None = Field(None, ge=1, le=1024)
    """Threads of each."""
    batching: Batching | None = None
    """Which rows may share a batch. Calibration never chooses what changes answers; this may."""
    batch_tokens: int | None = Field(None, ge=1, le=MOST)
    """Rows of a batch times its longest row, at most."""


class Serving(Strict):
    """How a version is served."""

    runtime: Literal["text-classifier", "mlflow"]
    resources: Resources = Resources()
    scaling: Scaling = Scaling()
    queue: Queue = Queue()
    execution: Execution = Execution()
    starts: Annotated[
        Duration,
        _from("10s", "30m", "a release may wait twice for it, and its step ends after two hours"),
    ] = 600.0
    """How long a predictor may take to be ready: until a node is there, it has the image and the
    files, and has loaded the model. One that cannot start ends a release at once."""
    allow_pickle: bool = False
    """Let `runtime: mlflow` load a model that contains a pickle."""
    price: str | None = Field(None, pattern=r"^[a-z0-9][a-z0-9./-]{0,99}$")
    """What one predictor costs an hour: an id of `components/cost/prices.yaml`."""


class Gateway(Strict):
    """What one client may ask of the endpoint."""

    requests_per_second: int = Field(200, ge=1, le=MOST)
    """Per client key; more is answered 429."""


class Release(Strict):
    """How traffic moves to a new version."""

    steps: Steps = (10, 100)
    watch: Annotated[Duration, _from("1s", "720h", "a step is watched for 30 days at most")] = (
        1800.0
    )
    poll: Annotated[Duration, _from("1s", "1h", "the gateway is scraped once a second")] = 15.0
    lease: Annotated[Duration, _from("3s", "24h", "it bounds how long a bad version may stay")] = (
        120.0
    )
    """How long a release may be silent before the reaper finishes it."""
    baseline: bool | None = None
    """Compare the candidate with a second predictor of the champion that gets the same share, at
    steps below 50%; when absent, where the platform has room for it."""
    shadow: Shadow | None = None
    """Before its first share the candidate is asked copies of production's requests, for so long
    (`5m`), or `{watch: 5m, percent: 20}`; nobody gets its answers."""
    judge: JudgeSettings = JudgeSettings()
    approval: Literal["none", "required"] = "none"
    """Whether a person must approve before the candidate gets all of the traffic."""
    approval_within: Annotated[
        Duration, _from("1m", "720h", "the candidate keeps its share for as long")
    ] = 24 * 3600.0
    """How long approval is waited for; then production gets its traffic back."""
    windows: Windows = Windows()
    """When a step may be taken; the way back always may."""

    @model_validator(mode="after")
    def _lease_outlives_polls(self) -> Self:
        if self.lease < 3 * self.poll:
            raise ValueError("lease must be at least three polls long, or a slow poll loses it")
        return self

    @model_validator(mode="after")
    def _shadow_comes_before_a_share(self) -> Self:
        if self.shadow is not None and self.steps[0] == 100:
            raise ValueError("shadow comes before the first watched step: steps has none below 100")
        return self

    def policy(self) -> Policy:
        """The judge's policy for the candidate's shares."""
        return self._policy(self.steps, self.watch)

    def shadow_policy(self, p95_ratio: float | None = None) -> Policy:
        """The judge's policy for its shadow; ``p95_ratio`` in place of the file's, if given.

        Raises:
            ValueError: it has none.
        """
        if self.shadow is None:
            raise ValueError("the endpoint's file has no release.shadow")
        policy = self._policy((100,), self.shadow.watch)
        return policy.model_copy(update={"p95_ratio": p95_ratio}) if p95_ratio else policy

    def _policy(self, steps: Steps, watch_s: float) -> Policy:
        policy = Policy(**self.judge.model_dump(), steps=steps, watch_s=watch_s, poll_s=self.poll)
        if self.shadow is None:
            return policy
        # Either may roll a good version back: the promise is of the whole release.
        return policy.model_copy(update={"false_rollback": policy.false_rollback / 2})


SLO_LEAST = 0.94
"""Below, the fastest burn that pages (14.4 times the budget) would be more than all requests."""


class LatencyObjective(Strict):
    """Which share of the answers is to come in time."""

    objective: float = Field(0.95, ge=SLO_LEAST, le=0.9999)
    ms: float = Field(200, gt=0, le=600_000)
    """In time is within so many milliseconds, which must be an edge of the gateway's histogram."""


class Slo(Strict):
    """What users are promised; alerts fire by how fast the rest, the budget, is spent."""

    availability: float = Field(0.99, ge=SLO_LEAST, le=0.9999)
    """The share of requests that do not fail."""
    latency: LatencyObjective = LatencyObjective(objective=0.95, ms=200)


class Endpoint(Strict):
    """One endpoint: which model, how it is judged, served and released."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,40}$")
    model: ModelName
    evaluation: Evaluation
    serving: Serving
    gateway: Gateway = Gateway(requests_per_second=200)
    release: Release = Release()
    slo: Slo = Slo()


def parse(text: str, source: str) -> Endpoint:
    """The endpoint in ``text``; ``source`` names it in errors.

    Raises:
        InputError: one line a fault, each with the line, the key and what was expected.
    """
    return yaml_text.read(
        Endpoint, text, source, "an endpoint's file is a mapping that begins with 'name:'"
    )


def refuse_undecidable(endpoint: Endpoint) -> None:
    """Check that the gateway's histogram can decide the endpoint's p95 ratio, wherever the p95 is.

    Not a part of `parse`: a record may hold settings that no release would begin with today.

    Raises:
        InputError: it cannot; names the ratios that it can.
    """
    settings = endpoint.release.judge
    edges = [edge / gateway.PER_MS for edge in gateway.EDGES_US]
    said = undecidable(edges, settings.p95_ratio) if settings.method == "sequential" else ""
    if said:
        raise InputError(f"{endpoint.name}: release.judge.p95_ratio: {said}")


def refuse_unmeasurable(endpoint: Endpoint) -> None:
    """Check that the gateway's histogram counts what is promised of the latency.

    Not a part of `parse`, likewise.

    Raises:
        InputError: it does not; names the nearest edges.
    """
    asked = endpoint.slo.latency.ms
    edges = [edge / gateway.PER_MS for edge in gateway.EDGES_US]
    if asked in edges:
        return
    below = [f"{edge:g}" for edge in edges if edge < asked][-1:]
    above = [f"{edge:g}" for edge in edges if edge > asked][:1]
    raise InputError(
        f"{endpoint.name}: slo.latency.ms: {asked:g} is no edge of the gateway's histogram, so"
        f" nobody counts it: write {' or '.join(below + above)}"
    )


def applied(text: str, source: str) -> Endpoint:
    """The endpoint in a file that is to be made known to a platform.

    Raises:
        InputError: it is too large or wrong, or nobody could measure what it promises.
    """
    if len(text.encode()) > MAX_FILE_BYTES:
        raise InputError(f"{source}: larger than {MAX_FILE_BYTES} bytes: no endpoint's file is")
    found = parse(text, source)
    refuse_unmeasurable(found)
    return found


def load(path: Path) -> Endpoint:
    """The endpoint in the file ``path``.

    Raises:
        InputError: the file is missing, too large or wrong; see `parse`.
    """
    content = read_limited(
        path,
        MAX_FILE_BYTES,
        too_large="no endpoint's file is",
        missing="endpoints stand in endpoints/<name>.yaml",
    )
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text") from error
    return parse(text, str(path))


def find(name: str) -> Endpoint:
    """The endpoint called ``name``, from `endpoints/<name>.yaml`, or from a path to such a file."""
    return load(
        Path(name) if name.endswith((".yaml", ".yml")) else Path("endpoints", f"{name}.yaml")
    )
