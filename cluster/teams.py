"""Which teams an installation has: by the labels of their namespaces."""

from cluster.api import Api
from cluster.kinds import NAMESPACE
from cluster.names import annotation

TEAM, ROLE = annotation("team"), annotation("role")
"""Labels: whose namespace it is, and what for."""
SERVING, RUNS = "serving", "runs"
"""Of the namespace of a team's endpoints, which has the team's name; of that of its workflows."""


def teams(api: Api) -> list[str]:
    """The teams, by name.

    Raises:
        PlatformError: they cannot be asked for.
    """
    return sorted(each["metadata"]["name"] for each in api.list(NAMESPACE, "", {ROLE: SERVING}))


def namespaces(api: Api) -> dict[str, bool]:
    """Every namespace there is, whatever its labels; false of one that is being deleted.

    Raises:
        PlatformError: they cannot be asked for.
    """
    found = (each["metadata"] for each in api.list(NAMESPACE, ""))
    return {each["name"]: "deletionTimestamp" not in each for each in found}


_LONGEST = 63 - len(f"-{RUNS}")
"""Letters of a team's name: a namespace's has 63 at most."""


def unfit(team: str) -> str:
    """Why a team cannot be called so, with the mend; empty: it can."""
    if len(team) <= _LONGEST:
        return ""
    return (
        f"team {team} has {len(team)} letters in its name, and its workflows' namespace"
        f" {runs(team)} would have more than 63: give it a name of {_LONGEST} at most"
    )


def runs(team: str) -> str:
    """The namespace of a team's workflows."""
    return f"{team}-{RUNS}"
