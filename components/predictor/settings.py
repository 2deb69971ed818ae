"""What one predictor process is told."""

from dataclasses import dataclass, field
from pathlib import Path

from components.endpoint import Execution


@dataclass(frozen=True)
class Settings:
    """The predictor's command line, parsed."""

    bundle: Path
    runtime: str
    model_name: str
    model_version: str
    host: str = "127.0.0.1"
    http_port: int = 8080
    grpc_port: int = 8081
    queue_requests: int = 256
    queue_tokens: int = 32768
    deadline: float = 5.0
    """Seconds from a request's arrival to its answer."""
    allow_pickle: bool = False
    execution: Execution = field(default_factory=Execution)
    """What is set here is not calibrated."""
    max_body: int = 2 * 1024 * 1024
    receive_timeout: float = 10.0
    """Seconds that a client may take to send one request."""
    listen_when_ready: bool = False
    """Nobody is listened to before it can answer: who is refused asks another, who is told 503
    does not."""
    stay: float = 0.0
    """Seconds after SIGTERM in which it serves on, at most: while somebody asks."""
    leave: float = 1.0
    """Seconds after that in which clients are told to leave and still served."""
    grace: float = 30.0
    """Seconds that what was accepted may take after that."""
