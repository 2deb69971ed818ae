"""What MLflow's refusals mean, and those of what stands before it."""

import httpx

from components.errors import InputError, PlatformError, SluiceError, Unreachable

EXISTS = "RESOURCE_ALREADY_EXISTS"

_LATER = frozenset({401, 408, 409, 425, 429})
"""Whose token has ended, who was slow, too often or beside another writer: nothing is wrong with
what was asked."""
_DELETED = "must be in the 'active' state"
"""What MLflow says of a run or an experiment that somebody has deleted."""
_RESTORED = "restore it there ('mlflow experiments restore' or 'mlflow runs restore')"


def code_of(response: httpx.Response) -> str:
    """MLflow's name of the error; empty if there is none, or it is not MLflow that answers."""
    return _said(response)[0]


def not_as_expected(url: str, found: object) -> Unreachable:
    """The error of an answer that MLflow does not give, or that is a part of one."""
    return Unreachable(f"{url} does not answer as MLflow does: {found!r}"[:300])


def refusal(url: str, response: httpx.Response) -> SluiceError:
    """Why ``response`` of the server at ``url`` is no success, in its own words.

    An `InputError` is MLflow's own: there is no such version, or a value is wrong. All else is
    `Unreachable` where the same call may succeed later, and a `PlatformError` where it never will.
    """
    status, (code, said) = response.status_code, _said(response)
    answers = f"MLflow at {url} answered {status}"
    match status:
        case 403:
            return PlatformError(f"{answers}: {said}: whoever runs it must let Sluice in")
        case 413:
            return PlatformError(f"{answers}: let what stands before it take larger requests")
        case _ if response.is_redirect:
            return PlatformError(
                f"{answers}: a login page or another address answers in its place: give Sluice the"
                " address of MLflow itself"
            )
    if status >= httpx.codes.INTERNAL_SERVER_ERROR or status in _LATER:
        return Unreachable(f"{answers}: {said}")
    if not code:
        return Unreachable(f"{answers}, and not as MLflow does: {said}")
    if _DELETED in said:
        return PlatformError(f"MLflow refuses: {said.rstrip('.')}: {_RESTORED}")
    return InputError(f"MLflow refuses: {said}")


def _said(response: httpx.Response) -> tuple[str, str]:
    code, said = "", response.text[:300]
    try:
        error = response.json()
        said = str(error["message"])
        code = str(error["error_code"])
    except (ValueError, KeyError, TypeError):
        pass  # a page of what stands before it
    return code, " ".join(said.split())
