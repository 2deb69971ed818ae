"""What a served model says of its inputs: the datatypes in which its columns are to be sent."""

from collections.abc import Mapping

_TIMEOUT_S = 10.0


def datatypes_at(url: str, headers: Mapping[str, str]) -> dict[str, str]:
    """The V2 datatypes of the inputs that take one value a row, by name.

    Args:
        url: of the model's metadata.
        headers: of the request.

    Returns:
        Nothing where nobody says: the cells of a data set then tell their type themselves.
    """
    import httpx

    try:
        answer = httpx.get(url, headers=dict(headers), timeout=_TIMEOUT_S, trust_env=False)
        inputs = answer.raise_for_status().json()["inputs"]
        return {each["name"]: each["datatype"] for each in inputs if len(each["shape"]) == 1}
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return {}
