"""The bases of pydantic models: what people write, and what steps return."""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A model that is never changed, only copied."""

    model_config = ConfigDict(frozen=True)


class Strict(Frozen):
    """One that refuses fields it does not know, and numbers that are infinite or NaN.

    A misspelt key is a fault, not a default.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
