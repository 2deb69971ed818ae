"""The rules that a record may name: each judges the polls of its own records again."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from components.judge import rule, rule3
from components.judge.policy import Policy
from components.judge.poll import Poll
from components.judge.state import JudgeState
from components.judge.verdict import RULE, Verdict


class Rule(NamedTuple):
    """A rule as a fold over polls; its state is its own."""

    start: Callable[[str, str], Any]
    """The state before the first poll, of champion and candidate."""
    observe: Callable[[Policy, Any, Poll], tuple[Any, Verdict]]
    go_on: Callable[[Any], Any] = lambda state: state
    """The state of a release whose promotion is held; no promotion by an older rule was."""


RULES: Mapping[int, Rule] = {
    3: Rule(rule3.JudgeState, rule3.observe),
    RULE: Rule(JudgeState, rule.observe, rule.go_on),
}
