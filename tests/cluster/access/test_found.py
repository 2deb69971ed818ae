"""Which API server is asked, and as whom: what kubectl would do."""

import base64
import json
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from cluster.access import find_access
from cluster.access.credentials import Program, TokenFile
from cluster.embedded import pki
from components.errors import InputError, PlatformError, Unreachable


@pytest.fixture(scope="module")
def authority() -> pki.Authority:
    return pki.authority()


def content(name: str = "one", /, **user: Any) -> dict[str, Any]:
    return {
        "clusters": [{"name": name, "cluster": {"server": f"https://{name}:6443"}}],
        "users": [{"name": name, "user": user}],
        "contexts": [
            {"name": name, "context": {"cluster": name, "user": name, "namespace": "team"}}
        ],
        "current-context": name,
    }


def written(path: Path, said: dict[str, Any]) -> dict[str, str]:
    path.write_text(yaml.safe_dump(said))
    return {"KUBECONFIG": str(path)}


def shown(auth: httpx.Auth | None) -> str:
    """What the first request shows."""
    assert auth is not None
    return str(next(auth.auth_flow(httpx.Request("GET", "https://x"))).headers["authorization"])


def test_the_current_context_says_server_and_namespace(tmp_path: Path) -> None:
    access = find_access(written(tmp_path / "k", content(**{"token": "seen"})))
    assert (access.server, access.namespace) == ("https://one:6443", "team")
    assert shown(access.auth) == "Bearer seen"


def test_a_server_may_be_written_with_a_slash_at_its_end(tmp_path: Path) -> None:
    said = content()
    said["clusters"][0]["cluster"]["server"] += "/"
    assert find_access(written(tmp_path / "k", said)).server == "https://one:6443"


@pytest.mark.parametrize("key", ["as", "as-groups"])
def test_who_asks_as_another_is_not_asked_as_themselves(tmp_path: Path, key: str) -> None:
    env = written(tmp_path / "k", content(**{"token": "seen", key: ["viewer"]}))
    with pytest.raises(InputError, match=f"asks as another .'{key}'.* name a context"):
        find_access(env)


def test_another_context_may_be_named(tmp_path: Path) -> None:
    env = written(tmp_path / "1", content("one"))
    env["KUBECONFIG"] += f":{tmp_path / '2'}:{tmp_path / 'none'}"
    written(tmp_path / "2", content("two"))
    assert find_access(env).server == "https://one:6443"
    assert find_access(env | {"SLUICE_CONTEXT": "two"}).server == "https://two:6443"
    with pytest.raises(InputError, match="contexts has no 'three': it has one, two"):
        find_access(env | {"SLUICE_CONTEXT": "three"})


def test_certificates_stand_in_the_file_or_beside_it(
    tmp_path: Path, authority: pki.Authority
) -> None:
    certificate, key = authority.issue(pki.Holder("me", "me"))
    (tmp_path / "ca.crt").write_bytes(authority.pem)
    data = {
        "client-certificate-data": base64.b64encode(certificate).decode(),
        "client-key-data": base64.b64encode(key).decode(),
    }
    said = content(**data)
    said["clusters"][0]["cluster"]["certificate-authority"] = "ca.crt"
    access = find_access(written(tmp_path / "k", said))
    (trusted,) = access.trust.get_ca_certs()
    assert "sluice-cluster" in str(trusted["subject"])


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"current-context": ""}, "no current context"),
        ({"contexts": []}, "it has none"),
        ({"clusters": "x"}, "not a kubeconfig"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, said: dict[str, Any], why: str) -> None:
    with pytest.raises(InputError, match=why):
        find_access(written(tmp_path / "k", content() | said))


def test_without_any_cluster_the_mend_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="set KUBECONFIG"):
        find_access({"HOME": str(tmp_path)}, tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        find_access({"KUBECONFIG": str(tmp_path / "none")}, tmp_path)


def test_a_pod_asks_its_own_cluster_with_the_token_that_is_there_now(
    tmp_path: Path, authority: pki.Authority
) -> None:
    files = {"token": b"first\n", "namespace": b"team-runs", "ca.crt": authority.pem}
    for name, text in files.items():
        (tmp_path / name).write_bytes(text)
    env = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443", "HOME": "/none"}
    access = find_access(env, tmp_path)
    assert (access.server, access.namespace) == ("https://[fd00::1]:443", "team-runs")
    assert shown(access.auth) == "Bearer first"


def test_a_token_that_is_refused_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("first")
    seen = []

    def server(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["authorization"])
        return httpx.Response(200 if seen[-1].endswith("second") else 401)

    with httpx.Client(transport=httpx.MockTransport(server), auth=TokenFile(path)) as client:
        assert client.get("https://x").status_code == 401
        path.write_text("second")
        assert client.get("https://x").status_code == 200
        assert client.get("https://x").status_code == 200
    assert seen == [f"Bearer {token}" for token in ("first", "first", "second", "second")]


def plugin(folder: Path, status: object) -> dict[str, Any]:
    """A user whose token a program gives, which counts how often it was asked."""
    said = json.dumps({"kind": "ExecCredential", "status": status})
    script = folder / "plugin.py"
    script.write_text(
        f"import os, pathlib\npathlib.Path({str(folder / 'asked')!r}).open('a').write('x')\n"
        f"assert 'ExecCredential' in os.environ['KUBERNETES_EXEC_INFO']\nprint({said!r})\n"
    )
    return {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "args": [str(script)],
        "env": [{"name": "A", "value": "1"}],
    }


def test_a_program_s_token_holds_until_it_ends(tmp_path: Path) -> None:
    status = {"token": "made", "expirationTimestamp": "2999-01-01T00:00:00Z"}
    access = find_access(written(tmp_path / "k", content(exec=plugin(tmp_path, status))))
    assert isinstance(access.auth, Program)
    for _ in range(2):
        assert shown(access.auth) == "Bearer made"
    assert (tmp_path / "asked").read_text() == "x"


def test_a_token_that_has_ended_is_asked_for_anew(tmp_path: Path) -> None:
    status = {"token": "made", "expirationTimestamp": "2001-01-01T00:00:00Z"}
    access = find_access(written(tmp_path / "k", content(exec=plugin(tmp_path, status))))
    for _ in range(2):
        shown(access.auth)
    assert (tmp_path / "asked").read_text() == "xx"


@pytest.mark.parametrize("status", [None, {}, {"clientCertificateData": "x"}])
def test_a_program_that_gives_no_token_is_named(tmp_path: Path, status: object) -> None:
    access = find_access(written(tmp_path / "k", content(exec=plugin(tmp_path, status))))
    with pytest.raises(PlatformError, match="gives no token"):
        shown(access.auth)


def test_a_program_that_fails_once_is_asked_again(tmp_path: Path) -> None:
    status = {"token": "made", "expirationTimestamp": "2001-01-01T00:00:00Z"}
    access = find_access(written(tmp_path / "k", content(exec=plugin(tmp_path, status))))
    assert shown(access.auth) == "Bearer made"
    script = tmp_path / "plugin.py"
    works = script.read_text()
    for broken in ("import sys; sys.exit('the session has ended')", "print('<html>')"):
        script.write_text(broken)
        with pytest.raises(Unreachable, match="gives no token"):
            shown(access.auth)
    script.write_text(works)
    assert shown(access.auth) == "Bearer made"


def test_a_program_that_fails_at_first_is_waited_for_and_one_that_is_not_there_is_not(
    tmp_path: Path,
) -> None:
    user = plugin(tmp_path, {"token": "made"})
    (tmp_path / "plugin.py").write_text("import sys; sys.exit('the session has ended')")
    access = find_access(written(tmp_path / "k", content(exec=user)))
    with pytest.raises(Unreachable, match="the session has ended: log in again"):
        shown(access.auth)
    none = find_access(written(tmp_path / "k", content(exec={**user, "command": "/no/such"})))
    with pytest.raises(PlatformError, match=r"/no/such gives no token.*install it") as found:
        shown(none.auth)
    assert type(found.value) is PlatformError


def test_a_token_s_file_that_cannot_be_read_ends_nothing_that_had_one(tmp_path: Path) -> None:
    path = tmp_path / "token"
    auth = TokenFile(path)
    with pytest.raises(PlatformError, match="no token can be read") as found:
        shown(auth)
    assert type(found.value) is PlatformError
    path.write_text("first")
    assert shown(auth) == "Bearer first"
    path.unlink()
    wire = httpx.MockTransport(lambda _: httpx.Response(401))
    with httpx.Client(transport=wire, auth=auth) as client, pytest.raises(Unreachable):
        client.get("https://x")


def test_ways_in_that_are_gone_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="auth-provider"):
        find_access(written(tmp_path / "k", content(**{"auth-provider": {"name": "gcp"}})))
    old = {"apiVersion": "client.authentication.k8s.io/v1alpha1", "command": "x"}
    with pytest.raises(InputError, match="v1alpha1"):
        find_access(written(tmp_path / "k", content(exec=old)))
