"""One rule for a model's name, at every door."""

import pytest

from components import endpoint
from components.errors import InputError
from components.model_name import refuse_model_name
from tests.endpoint.test_endpoint import GOOD


def validate(name: str) -> str:
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    text = GOOD.replace("model: banking77-intent", f'model: "{quoted}"')
    return endpoint.parse(text, "e.yaml").model


@pytest.mark.parametrize(
    "name",
    [
        "model with space",
        "Käse-Modell",
        "_under",
        "v1.2",
        "模型",
        "a" * 200,
        "50% off?",
        "-x",
        "🙂",
    ],
)
def test_what_mlflow_takes_is_taken_everywhere(name: str) -> None:
    refuse_model_name(name)
    assert validate(name) == name


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a" * 300, "at most 200 characters"),
        ("", "is empty"),
        (" ", "is empty"),
        ("x ", "begins or ends with spaces"),
        ("a/b", "may not contain /"),
        ("a:b", "may not contain :"),
        ("it's", "may not contain '"),
        ('say "x"', 'may not contain "'),
        ("a\\b", "may not contain"),
        ("a\u200bb", "which cannot be seen"),
        ("..", "means a folder"),
    ],
)
def test_what_is_refused_is_refused_everywhere_with_the_reason(name: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        refuse_model_name(name)
    with pytest.raises(InputError, match=r"e\.yaml:2: model"):
        validate(name)


def test_a_name_of_two_lines_is_refused() -> None:
    with pytest.raises(InputError, match="cannot be seen"):
        refuse_model_name("a\nb")
