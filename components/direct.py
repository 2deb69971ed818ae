"""Which servers are asked themselves, whatever proxy the environment names for others."""

import os


def ask_directly(host: str) -> None:
    """Let this process's libraries that heed the environment's proxies ask ``host`` itself."""
    for variable in ("NO_PROXY", "no_proxy"):
        past = [name for name in os.environ.get(variable, "").split(",") if name]
        os.environ[variable] = ",".join(dict.fromkeys([*past, host]))
