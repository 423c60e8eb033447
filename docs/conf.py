"""The site: `make docs`. What the code says itself is generated before it is built.

Sphinx, not MkDocs: Material, its common theme, gets repairs only since November 2025
(github.com/squidfunk/mkdocs-material/issues/8523); its team says MkDocs 2.0 takes no plugins.
"""

import sys
from pathlib import Path

from sphinx.application import Sphinx

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

project = "Corrente"
extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "Corrente"
html_show_sphinx = False
html_show_copyright = False
pygments_style = "friendly"


def setup(app: Sphinx) -> None:
    """Writes what is generated before Sphinx looks for pages."""
    import reference

    app.connect("config-inited", lambda *_: reference.write(HERE / "generated"))
