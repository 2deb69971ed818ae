"""Small models of many kinds, and what to ask them: the ones that people register with MLflow."""

from tests.support.zoo.case import Ask, Case
from tests.support.zoo.estimators import ESTIMATORS
from tests.support.zoo.functions import FUNCTIONS
from tests.support.zoo.messages import MESSAGES
from tests.support.zoo.tensors import TENSORS

ZOO: dict[str, Case] = {case.name: case for case in (*ESTIMATORS, *TENSORS, *FUNCTIONS, *MESSAGES)}

__all__ = ["ZOO", "Ask", "Case"]
