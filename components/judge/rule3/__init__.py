"""Rule 3, frozen: records that name it are replayed by it, and nothing else is judged by it.

What both rules share (the formulas, the constants, the poll, the policy, the form of a verdict)
stands in `components.judge` and must not change what this rule decides; golden records hold it.
"""

from components.judge.rule3.rule import observe
from components.judge.rule3.state import JudgeState

__all__ = ["JudgeState", "observe"]
