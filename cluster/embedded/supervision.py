"""What the node's supervisor says of its programs."""

import xmlrpc.client
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, cast

from cluster.embedded import node


@dataclass(frozen=True)
class Process:
    """One program of the node."""

    name: str
    state: str
    """``RUNNING``, or what it is instead."""
    detail: str


def processes(pid: int) -> list[Process]:
    """Every program of the node whose first process is ``pid``; none while it comes up."""
    from supervisor.xmlrpc import SupervisorTransport

    transport = SupervisorTransport(serverurl=f"unix://{node.supervisor_socket(pid)}")
    try:
        with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as server:
            answer = cast(list[dict[str, Any]], server.supervisor.getAllProcessInfo())
    except (OSError, HTTPException, xmlrpc.client.Error):
        return []
    return [
        Process(info["name"], info["statename"], info["spawnerr"] or info["description"])
        for info in answer
    ]
