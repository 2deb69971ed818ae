"""Pages that need nothing else, in the look of a release's report: no network, library or fonts."""

import base64
import hashlib
from pathlib import Path

from markupsafe import Markup

HERE = Path(__file__).parent


def filled_in(folder: Path, **values: object) -> str:
    """The template `page.html.j2` of ``folder`` with these values, and the page's style and script.

    The style is the report's, with the folder's own `page.css` behind it.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    folders = dict.fromkeys((HERE, folder))
    style = "".join((each / "page.css").read_text(encoding="utf-8") for each in folders)
    script = (HERE / "page.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template("page.html.j2").render(
        style=Markup(style),  # noqa: S704 (our own files)
        script=Markup(script),  # noqa: S704 (our own file)
        script_digest=digest,
        **values,
    )
