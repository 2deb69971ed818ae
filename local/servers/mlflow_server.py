"""The MLflow server: registry in PostgreSQL, artifacts proxied to S3.

Run as ``python -m local.servers.mlflow_server``. `mlflow server` would import MLflow twice, one
after the other (its own process and uvicorn's), and leave uvicorn behind, listening, when it is
killed. One process starts in half the time and dies whole.
"""

import os
import sys
from pathlib import Path

import click

from local.home import Home
from local.loopback import probe
from local.servers import postgres, seaweed
from local.servers.program import Program, Server


def url(ports: dict[str, int]) -> str:
    """The server's base URL."""
    return f"http://127.0.0.1:{ports['mlflow']}"


def server(home: Home, ports: dict[str, int]) -> Server:
    """MLflow on its kept port; it waits for PostgreSQL by itself."""
    program = Program(
        "mlflow",
        (
            sys.executable,
            "-m",
            "local.servers.mlflow_server",
            f"--backend={postgres.sqlalchemy_url(ports)}",
            "--artifacts=s3://mlflow",
            f"--port={ports['mlflow']}",
        ),
        environment=seaweed.environment(home, ports["s3"])
        | {
            "PGPASSFILE": str(home.private / "pgpass"),
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "GIT_PYTHON_REFRESH": "quiet",
        },
    )
    return Server(program, url(ports), ("mlflow",), lambda: probe(f"{url(ports)}/health"))


@click.command()
@click.option("--backend", required=True)
@click.option("--artifacts", required=True)
@click.option("--port", required=True, type=int)
def main(backend: str, artifacts: str, port: int) -> None:
    """Serve until SIGTERM."""
    import uvicorn
    from mlflow.server import constants

    os.environ |= {
        constants.BACKEND_STORE_URI_ENV_VAR: backend,
        constants.REGISTRY_STORE_URI_ENV_VAR: backend,
        constants.ARTIFACTS_DESTINATION_ENV_VAR: artifacts,
        constants.ARTIFACT_ROOT_ENV_VAR: "mlflow-artifacts:/",
        constants.SERVE_ARTIFACTS_ENV_VAR: "true",
    }
    from mlflow.server import handlers
    from mlflow.server.fastapi_app import app

    handlers.initialize_backend_stores(backend, backend, "mlflow-artifacts:/")
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=port,
        log_config=str(Path(handlers.__file__).parent / "uvicorn_log_config.yaml"),
    )


if __name__ == "__main__":
    main()
