"""How the documentation site is built: ``make docs``.

The source folder of Sphinx is the root of the repository: README, cards and findings are pages where they
stand, and the links between them are those that a reader of the repository follows. With the tag ``pages``
(``sphinx-build -t pages``) the API reference stays empty: no module is imported, which takes seconds.
"""

from typing import Any

from docutils.parsers.rst import Directive, directives

import etude_gym

project = "etude-gym"
author = "The etude-gym contributors"
copyright = author
version = release = etude_gym.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
root_doc = "docs/index"
include_patterns = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/**.md", "envs/*/README.md"]
exclude_patterns = [".*", "build", "dist", "runs"]

# Anchors of headings as GitHub makes them, so that a link works here and there.
myst_heading_anchors = 4

autodoc_default_options = {"members": True, "member-order": "bysource"}
# Libraries of adapters, of which no two need be installed together.
autodoc_mock_imports = ["datasets", "gem", "trl", "verifiers"]
python_use_unqualified_type_names = True
napoleon_use_rtype = False

# The theme's fonts are the system's: an opened page asks for nothing.
html_theme = "furo"
html_title = project
html_extra_path = ["site"]
html_copy_source = False
html_show_sphinx = False


class NoModule(Directive):
    """Stands for ``automodule`` where the reference stays empty."""

    required_arguments = 1
    option_spec = {"members": directives.unchanged, "imported-members": directives.flag}  # noqa: RUF012

    def run(self) -> list[Any]:
        """Nothing."""
        return []


_written: dict[str, list[str]] = {}
"""Docstrings of attributes as they stand in the source."""
_ATTRIBUTES = ("attribute", "data", "property")


def keep_docstring(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Before napoleon, which reads what stands before a colon in an attribute's docstring as its type."""
    if what in _ATTRIBUTES and not {"Returns:", "Raises:"} & set(lines):
        _written[name] = list(lines)


def restore_docstring(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """After napoleon."""
    if what in _ATTRIBUTES and name in _written:
        lines[:] = _written.pop(name)


def empty_reference(app: Any) -> None:
    """Leave the reference empty if that was asked for; autodoc has made its directives by now."""
    if "pages" in app.tags:
        app.add_directive("automodule", NoModule, override=True)


def setup(app: Any) -> None:
    """Called by Sphinx; napoleon listens with priority 500."""
    app.connect("autodoc-process-docstring", keep_docstring, priority=400)
    app.connect("autodoc-process-docstring", restore_docstring, priority=600)
    app.connect("builder-inited", empty_reference)
