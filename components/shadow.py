"""The shadow of a release, as an endpoint's file asks for it."""

from typing import Annotated, Any

from pydantic import Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue

from components.durations import PATTERN, Duration, between
from components.models import Strict


class Shadow(Strict):
    """How long, and how many of, production's requests are copied; `5m` is `{watch: 5m}`."""

    watch: Annotated[Duration, between("1s", "720h", "a step is watched for 30 days at most")]
    percent: int = Field(100, ge=1, le=100)
    """Of production's requests; fewer where one predictor of the candidate cannot take them all."""

    @model_validator(mode="before")
    @classmethod
    def _in_short(cls, given: Any) -> Any:
        return {"watch": given} if isinstance(given, str) else given

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: Any, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        whole = handler.resolve_ref_schema(handler(core))
        return {"anyOf": [{"type": "string", "pattern": PATTERN}, whole]}
