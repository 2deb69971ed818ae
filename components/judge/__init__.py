"""The judge: is the candidate safe, from counters that may be looked at at any time."""

from components.judge.planning import Plan, Preflight, eta, preflight
from components.judge.policy import Policy
from components.judge.poll import Poll, Sample
from components.judge.rule import begin, judge, observe
from components.judge.state import State
from components.judge.verdict import Evidence, Reason, Verdict, explain

__all__ = [
    "Evidence",
    "Plan",
    "Policy",
    "Poll",
    "Preflight",
    "Reason",
    "Sample",
    "State",
    "Verdict",
    "begin",
    "eta",
    "explain",
    "judge",
    "observe",
    "preflight",
]
