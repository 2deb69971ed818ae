"""What happens in a simulated release: traffic, fault and horizon."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, Field, ValidationError, model_validator

from components.errors import InputError, faults
from components.judge import Policy
from components.models import Strict

_HERE = Path(__file__).parent
_Model = TypeVar("_Model", bound=BaseModel)

Readings = Literal["whole", "churn", "late", "slow", "restarts", "gaps", "doubled"]
Measure = Literal["rolled_back", "stopped", "promoted", "held", "error", "median_detection_s"]


class Scenario(Strict):
    """One kind of release, to be simulated many times."""

    rps: float = Field(5.0, gt=0, le=10_000)
    """The candidate's requests per second, on average."""
    share: int = Field(10, ge=1, le=99)
    """The candidate's percent of the traffic; the champion gets the rest."""
    errors: float = Field(0.002, ge=0, le=1)
    """The candidate's share of failed requests once the fault has begun."""
    baseline_errors: float = Field(0.002, ge=0, le=1)
    """The champion's share of failed requests, and the candidate's before the fault."""
    given_up: float = Field(0.0, ge=0, le=1)
    """The candidate's share of requests that get no answer once the fault has begun."""
    refused: float = Field(0.0, ge=0, le=1)
    """The candidate's share of requests refused as the client's fault once the fault has begun."""
    baseline_refused: float = Field(0.0, ge=0, le=1)
    """The champion's share of them, and the candidate's before the fault."""
    readings: Readings = "whole"
    """What is wrong with how the counters are read; see `components.simulation.readings`."""
    latency_ratio: float = Field(1.0, ge=0.1, le=20)
    """The candidate's latency over the champion's, at every quantile, once the fault has begun."""
    earlier_ratio: float = Field(1.0, ge=0.1, le=20)
    """The champion's latency in the hour before the release over what it is while it is judged."""
    load: float = Field(0.0, ge=-0.9, le=20)
    """How much longer a predictor takes that is asked everything than one that is asked nothing, as
    a share of that one's latency; below 0: the more it is asked the quicker it is (warm caches)."""
    cold: float = Field(0.0, ge=0, le=20)
    """How much longer a new predictor takes at first, likewise; half of it is over every 2
    minutes."""
    baseline: bool = False
    """The candidate is compared with a new predictor of the champion, asked as often as it is."""
    burst: float = Field(0.0, ge=0, lt=1)
    """Correlation of any two requests' failures inside one poll (beta-binomial)."""
    wobble: float = Field(0.0, ge=0, le=1)
    """Standard deviation of the logarithm of a version's median latency from poll to poll."""
    diurnal: float = Field(0.0, ge=0, lt=1)
    """The day's swing of the traffic, as a share of its mean; each release starts at any hour."""
    onset: float = Field(0.0, ge=0)
    """Seconds from the first traffic step to the fault."""
    until: float | None = Field(None, gt=0)
    """Seconds from the first traffic step to the fault's end; None: it stays."""
    shared: bool = False
    """The fault strikes the champion too."""
    minutes: float = Field(30.0, gt=0, le=24 * 60)
    """Length of the watch."""
    poll: float = Field(15.0, ge=1, le=3600)
    """Seconds between polls."""
    peers_watch: tuple[Literal["errors", "p95"], ...] = ("errors",)
    """What the peers' rules look at; this project's rule always looks at both."""

    @model_validator(mode="after")
    def _in_order(self) -> "Scenario":
        if self.until is not None and self.until <= self.onset:
            raise ValueError("the fault must end after its onset")
        if self.baseline and 2 * self.share >= 100:
            raise ValueError("a baseline has the candidate's share, so that must be below 50")
        if self.polls < 1:
            raise ValueError("the watch must hold at least one poll")
        return self

    @property
    def refuses(self) -> bool:
        """Any request is refused."""
        return self.refused > 0 or self.baseline_refused > 0

    @property
    def paired(self) -> float:
        """The candidate's share, 0 to 1, of what it and the arm that it is compared with get."""
        return 0.5 if self.baseline else self.share / 100

    @property
    def polls(self) -> int:
        """Polls in one release, the one before the first traffic step not counted."""
        return int(self.minutes * 60 / self.poll + 1e-9)

    @property
    def title(self) -> str:
        """What happens, in a few words."""
        parts = [
            f"{100 * self.errors:.3g}% errors (production {100 * self.baseline_errors:.3g}%)"
            f"{' in bursts' if self.burst else ''}{' in both versions' if self.shared else ''}",
            f"{100 * self.given_up:.3g}% given up" if self.given_up else "",
            f"{100 * self.refused:.3g}% refused (production {100 * self.baseline_refused:.3g}%)"
            if self.refuses
            else "",
            f"readings: {self.readings}" if self.readings != "whole" else "",
            f"latency x{self.latency_ratio:g}" if self.latency_ratio != 1 else "",
            "latency that wobbles" if self.wobble else "",
            f"latency {self.load:+.0%} by load" if self.load else "",
            f"latency {self.cold:+.0%} at first" if self.cold else "",
            "beside a baseline" if self.baseline else "",
            f"latency x{self.earlier_ratio:g} before" if self.earlier_ratio != 1 else "",
            f"{self.rps:g} requests/s",
        ]
        return ", ".join(part for part in parts if part)


class Expectation(Strict):
    """A line of the acceptance table: a measure of one rule and its bound."""

    measure: Measure
    at_most: float | None = None
    at_least: float | None = None
    within_s: float | None = Field(None, gt=0)
    """Of `rolled_back`: only so many seconds after the fault's onset count."""
    rule: str = "sluice"

    @model_validator(mode="after")
    def _one_bound(self) -> "Expectation":
        if (self.at_most is None) == (self.at_least is None):
            raise ValueError("give at_most or at_least, one of them")
        if self.within_s is not None and self.measure != "rolled_back":
            raise ValueError("within_s belongs to rolled_back")
        return self


class Entry(Strict):
    """A named scenario of a shipped table."""

    name: str
    scenario: Scenario
    expect: tuple[Expectation, ...] = ()


class ScenarioTable(Strict):
    """Scenarios that are shown together."""

    title: str
    entries: tuple[Entry, ...] = Field(min_length=1)
    without_baseline: bool = False
    """Each scenario, which has a baseline, is shown without one as well."""


class FlaggerSettings(Strict):
    """How Flagger is set up; the fields are those of its Canary resource."""

    interval_s: float = Field(gt=0)
    threshold: int = Field(ge=1)
    window_s: float = Field(gt=0)


class ArgoSettings(Strict):
    """How Argo Rollouts' AnalysisTemplate is set up."""

    interval_s: float = Field(gt=0)
    initial_delay_s: float = Field(ge=0)
    window_s: float = Field(gt=0)
    failure_limit: int = Field(ge=0)
    inconclusive_limit: int = Field(ge=0)
    conditions: Literal["success", "failure", "both"]
    """Which of successCondition and failureCondition the template spells out."""


class KayentaSettings(Strict):
    """How Kayenta's canary configuration is set up."""

    step_s: float = Field(gt=0)
    judged_at_s: tuple[float, ...] = Field(min_length=1)
    confidence: float = Field(gt=0, lt=1)
    tolerance: float = Field(ge=0)
    allowed_increase: float = Field(gt=0)


class PeerSettings(Strict):
    """The peers' settings with their source."""

    source: str
    read: str
    flagger: FlaggerSettings
    argo: ArgoSettings
    kayenta: KayentaSettings


def _read(name: str) -> Any:
    return yaml.safe_load((_HERE / name).read_text(encoding="utf-8"))


def peer_settings() -> PeerSettings:
    """The shipped settings of the peers, from `peers.yaml`."""
    return PeerSettings.model_validate(_read("peers.yaml"))


def table(name: str) -> ScenarioTable:
    """The shipped table called `name`, from `scenarios.yaml`.

    Raises:
        InputError: there is none of that name.
    """
    tables: Mapping[str, Any] = _read("scenarios.yaml")
    if name not in tables:
        raise InputError(f"no scenarios called {name!r}: choose one of {', '.join(tables)}")
    return ScenarioTable.model_validate(tables[name])


def _checked(model: type[_Model], fields: Mapping[str, object]) -> _Model:
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        place, said = faults(error)[0]
        flag = f"--{str(place[0]).replace('_', '-')}: " if place else ""
        raise InputError(f"{flag}{said}") from error


def scenario(**fields: object) -> Scenario:
    """A scenario from flags.

    Raises:
        InputError: a value is out of range; one line that names the flag.
    """
    return _checked(Scenario, fields)


def policy(**fields: object) -> Policy:
    """A policy from flags.

    Raises:
        InputError: a value is out of range; one line that names the flag.
    """
    return _checked(Policy, fields)
