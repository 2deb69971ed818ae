"""Write the rules: ``python -m dashboards.rules``."""

from dashboards.rules import FILE, text

FILE.write_text(text(), encoding="utf-8")
