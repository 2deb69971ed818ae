"""Write every board's JSON and the objects for Kubernetes: ``python -m dashboards``."""

from dashboards import boards, manifests

for name in boards.NAMES:
    boards.file(name).write_text(boards.text(name), encoding="utf-8")
manifests.write()
