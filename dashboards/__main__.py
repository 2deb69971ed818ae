"""Write every board's JSON: ``python -m dashboards``."""

from dashboards import boards

for name in boards.NAMES:
    boards.file(name).write_text(boards.text(name), encoding="utf-8")
