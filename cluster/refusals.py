"""What the API server's refusals mean, and those of what stands beside or before it."""

import re

import httpx

from components.errors import PlatformError, Unreachable


class Conflict(PlatformError):
    """The object is there already, or has changed since it was read."""


class Missing(PlatformError):
    """There is no such object, or no such kind."""


class NoKind(Missing):
    """There is no such kind: whoever defines it was not installed, or has gone."""


class Invalid(PlatformError):
    """The API server, or a webhook, refuses what the object says."""


class Expired(Unreachable):
    """The next page of a list is too old to be had."""


_UNKNOWN_FIELD = "failed to create typed patch object"
"""What a server-side apply says of a field that is not there, as a fault of its own (500)."""
_TOO_LARGE = "request is too large"
"""What etcd says of an object, as a fault of the server (500)."""
_DENIED = re.compile(r"denied (the )?request")
"""By a webhook or an admission policy, with whatever status it chose."""
_ROLE = re.compile(
    r'User ".*" cannot |cannot set blockOwnerDeletion|is attempting to grant RBAC permissions'
)
_QUOTA = re.compile(r"(exceeded|failed) quota")
_GOES = "because it is being terminated"
_NO_KIND = "the server could not find the requested resource"
_NO_GROUP = "404 page not found"
"""What the API server says, in plain text, of a kind whose whole group it does not know."""


def not_as_expected(where: str, found: object) -> Unreachable:
    """The error of an answer that no API server gives, or that is a part of one."""
    return Unreachable(f"{where} is not answered as an API server does: {found!r}"[:300])


def refusal(answer: httpx.Response, path: str) -> PlatformError:
    """Why what was asked of ``path`` is no success, in the server's words, with the mend."""
    status, words = answer.status_code, _words(answer)
    said = f"the API server refuses: {words}"
    if found := _invalid(status, words, said) or _not_now(status, said):
        return found
    match status:
        case 403:
            return _forbidden(said)
        case 404:
            return _missing(answer, said, path)
        case 409:
            return Conflict(said)
    if answer.is_redirect:
        said += ": a login page or another address answers in its place: see the server in the"
        said += " kubeconfig"
    return PlatformError(said)


def _invalid(status: int, words: str, said: str) -> Invalid | None:
    """What the object says is refused, whatever the status is."""
    if status == 413 or _TOO_LARGE in words:
        return Invalid(f"{said}: it is too large for one object: make it smaller")
    if _DENIED.search(words) and status < 500:
        return Invalid(f"{said}: meet that rule, or ask whoever set it for an exception")
    return Invalid(said) if status in (400, 422) or _UNKNOWN_FIELD in words else None


def _not_now(status: int, said: str) -> Unreachable | None:
    """The same may succeed later."""
    if status == 401:
        # Of a token that has ended: whoever puts another one there mends it, and it is no reason
        # to end a release.
        return Unreachable(f"{said}: log in again, see 'kubectl auth whoami'")
    later = said.replace("refuses", "cannot answer now", 1)
    if status == 410:
        return Expired(later)
    return Unreachable(later) if status in (408, 429) or status >= 500 else None


def _missing(answer: httpx.Response, said: str, path: str) -> PlatformError:
    """No object, no kind, or no API server: a page of another one says nothing of an object."""
    if _NO_KIND in said or answer.text.strip() == _NO_GROUP:
        return NoKind(f"{said}: {path} is of no kind that is installed: see 'sluice status'")
    if _is_status(answer):
        return Missing(said)
    return not_as_expected(path, answer.text)


def _is_status(answer: httpx.Response) -> bool:
    try:
        return bool(answer.json()["kind"] == "Status")
    except (ValueError, KeyError, TypeError):
        return False


def _forbidden(said: str) -> PlatformError:
    """The account may not, or admission does not let the object in: each has its own mend."""
    if _ROLE.search(said):
        return PlatformError(f"{said}: ask for the role in manifests/ that may")
    if _QUOTA.search(said):
        return PlatformError(
            f"{said}: end what else is there, or ask for more: 'kubectl describe resourcequota'"
        )
    if _GOES in said:
        return PlatformError(f"{said}: wait until it has gone, and make it again")
    if "is forbidden: " in said:
        return Invalid(f"{said}: meet that rule, or ask whoever runs the cluster for an exception")
    return PlatformError(f"{said}: whoever runs it, or what stands before it, must let you in")


def _words(answer: httpx.Response) -> str:
    try:
        said = str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        said = f"{answer.status_code} {answer.reason_phrase}"
    return " ".join(said.split())
