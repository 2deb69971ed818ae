"""Disks for pods: folders of the home, ready before anybody asks, so nothing has to make them."""

import shutil
from pathlib import Path

from cluster.embedded.controllers.part import Materials, Part
from cluster.embedded.home import INSIDE, Home
from cluster.embedded.kubectl import Object
from cluster.embedded.network import NODE_NAME

CLASS = "sluice-local"
NAMES = tuple(f"sluice-{number}" for number in range(8))
"""Each is claimed once in a life of the node."""


def make(home: Home) -> None:
    """Empty folders: what was on a disk belongs to objects that ended with the last node."""
    shutil.rmtree(home.volumes, ignore_errors=True)
    for name in NAMES:
        Path(home.volumes, name).mkdir(parents=True, mode=0o755)


def part(_: Materials) -> Part:
    """The class that a claim gets which names none, and the disks."""
    return Part("volumes", objects=[_class(), *map(_volume, NAMES)])


def _class() -> Object:
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {
            "name": CLASS,
            "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
        },
        "provisioner": "kubernetes.io/no-provisioner",
        "volumeBindingMode": "WaitForFirstConsumer",
    }


def _volume(name: str) -> Object:
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [NODE_NAME]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            # Nothing holds a folder to it.
            "capacity": {"storage": "20Gi"},
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": CLASS,
            "persistentVolumeReclaimPolicy": "Retain",
            "local": {"path": str(INSIDE / "volumes" / name)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
        },
    }
