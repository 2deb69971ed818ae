"""The judge: is the candidate safe, from counters that may be looked at at any time.

Pure: no clock, network, file or environment. Others import from here, not from the modules.
"""

from components.judge import budget, constants, evidence, latency
from components.judge.budget import Budget
from components.judge.constants import MIN_TAIL_PAST, P95_MARGIN
from components.judge.growth import MAX_COUNT, Growth, combine
from components.judge.latency import p95_ms
from components.judge.planning import Eta, Forecast, Preflight, eta, preflight, undecidable
from components.judge.policy import JudgeSettings, Policy, Steps
from components.judge.poll import MAX_POLL_BYTES, Asked, Poll, Sample
from components.judge.rule import begin, go_on, judge, observe
from components.judge.rules import RULES
from components.judge.state import JudgeState, PollDelta, Split, ingest, split_of
from components.judge.verdict import (
    RULE,
    Arm,
    Code,
    Decision,
    Evidence,
    Reason,
    Test,
    Verdict,
    explain,
)

__all__ = [
    "MAX_COUNT",
    "MAX_POLL_BYTES",
    "MIN_TAIL_PAST",
    "P95_MARGIN",
    "RULE",
    "RULES",
    "Arm",
    "Asked",
    "Budget",
    "Code",
    "Decision",
    "Eta",
    "Evidence",
    "Forecast",
    "Growth",
    "JudgeSettings",
    "JudgeState",
    "Policy",
    "Poll",
    "PollDelta",
    "Preflight",
    "Reason",
    "Sample",
    "Split",
    "Steps",
    "Test",
    "Verdict",
    "begin",
    "budget",
    "combine",
    "constants",
    "eta",
    "evidence",
    "explain",
    "go_on",
    "ingest",
    "judge",
    "latency",
    "observe",
    "p95_ms",
    "preflight",
    "split_of",
    "undecidable",
]
