"""What servers take, from their manifests."""

import io
import sys

import pytest
import yaml

from cluster import sizes
from cluster.kinds import Object
from cluster.sizes import Size


def workload(kind: str, name: str, replicas: int, disk: str = "") -> Object:
    resources = {"requests": {"cpu": "250m", "memory": "1Gi"}, "limits": {"memory": "2Gi"}}
    claims = [{"spec": {"resources": {"requests": {"storage": disk}}}}] if disk else []
    pod = {"containers": [{"resources": resources}]}
    spec = {"replicas": replicas, "template": {"spec": pod}, "volumeClaimTemplates": claims}
    return {"kind": kind, "metadata": {"name": name}, "spec": spec}


PROXY: Object = {
    "kind": "EnvoyProxy",
    "metadata": {"name": "sluice"},
    "spec": {
        "provider": {
            "kubernetes": {
                "envoyDeployment": {
                    "replicas": 3,
                    "container": {"resources": {"requests": {"cpu": "1", "memory": "512Mi"}}},
                }
            }
        }
    },
}


def test_each_server_is_counted_with_what_its_pods_ask_for() -> None:
    found = sizes.sizes([workload("StatefulSet", "s3", 1, "50Gi"), {"kind": "Service"}, PROXY])
    assert found == [
        Size("Envoy", 3, 1.0, 2**29, 0.0, 0.0),
        Size("s3", 1, 0.25, 2**30, 2**31, 50 * 2**30),
    ]


def test_the_table_adds_up_all_pods(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    objects = [workload("Deployment", "mlflow", 2), workload("StatefulSet", "s3", 1, "50Gi")]
    monkeypatch.setattr(sys, "stdin", io.StringIO(yaml.safe_dump_all(objects)))
    sizes.main()
    assert capsys.readouterr().out.splitlines()[2:] == [
        "| mlflow | 2 | 0.25 | 1 GiB | 2 GiB | - |",
        "| s3 | 1 | 0.25 | 1 GiB | 2 GiB | 50 GiB |",
        "| all pods | 3 | 0.75 | 3 GiB | 6 GiB | 50 GiB |",
    ]
