"""How the documentation site is built: ``make docs``.

The source folder of Sphinx is the root of the repository: README, cards and findings are pages where they
stand, and the links between them are those that a reader of the repository follows. With the tag ``pages``
(``sphinx-build -t pages``) the API reference stays empty: no module is imported, which takes seconds.
"""

import re
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive, directives
from sphinx import addnodes
from sphinx.util import inspect

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
autodoc_type_aliases = {"ArrayLike": "ArrayLike"}
napoleon_use_rtype = False
default_role = "literal"

# Signatures: the name alone, as its module stands above; one argument on each line where they are many.
add_module_names = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 160
toc_object_entries_show_parents = "hide"

# The theme's fonts are the system's: an opened page asks for nothing.
html_theme = "furo"
html_title = project
html_extra_path = ["site"]
html_copy_source = False
html_show_sphinx = False


class NoModule(Directive):
    """Stands for ``automodule`` where the reference stays empty."""

    required_arguments = 1
    option_spec = {"no-members": directives.flag, "imported-members": directives.flag}  # noqa: RUF012

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


def arrange_docstring(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """After napoleon: modules get a heading, and types of attributes stand beside their names."""
    if what in _ATTRIBUTES and name in _written:
        lines[:] = _written.pop(name)
    if what == "module":
        lines[:0] = [f".. rubric:: ``{name}``", ""]
    head = 0
    for at, line in enumerate(lines):
        if line.startswith(".. attribute:: "):
            head = at
        elif line.startswith("   :type: "):
            kind = re.sub(r"(?<![\w.~])etude_gym\.[\w.]+", r"~\g<0>", _as_imported(lines.pop(at)))
            lines.insert(head + 1, re.sub(r"(?<![\w.~])(?:[a-z_]\w*\.)+(?=[A-Z])", "", kind))


def shorten_signature(
    app: Any, what: str, name: str, obj: Any, options: Any, signature: str | None, returns: str | None
) -> tuple[str, str | None] | None:
    """Types as the source names them; no arguments where a class only says what others have."""
    if signature is None:
        return None
    if what == "class" and signature.startswith("(*args"):  # a protocol, or based on a mocked library
        own = None if getattr(obj, "_is_protocol", False) else vars(obj).get("__init__")
        if own is None:
            return "", None
        signature = inspect.stringify_signature(inspect.signature(own, bound_method=True))
    return _as_imported(signature), returns and _as_imported(returns)


_ARRAY = re.compile(
    r"~?(?:numpy\.)?ndarray\[tuple\[~?(?:typing\.)?Any, \.\.\.\], ~?(?:numpy\.)?dtype\[([^][]*)\]\]"
)


def _as_imported(text: str) -> str:
    """What NDArray stands for is named so again; functions as defaults by their names, if they have one."""
    text = _ARRAY.sub(r"NDArray[\1]", text).replace("NDArray[numpy.", "NDArray[")
    text = re.sub(r"<function ([\w.]+)>", r"\1", text)
    return re.sub(r"<factory>|<function [\w.]*<lambda>>", "...", text)


def tidy_annotations(app: Any, doctree: Any) -> None:
    """Tables of functions or numbers are for the source, not for a line of the reference; arrays as above."""
    for node in list(doctree.findall(addnodes.desc_annotation)):
        text = node.astext()
        if text.strip().startswith("=") and (len(text) > 150 or "<" in text):
            node.parent.remove(node)
        elif _ARRAY.search(text):
            node[:] = [nodes.Text(_as_imported(text))]


def open_to_all(app: Any, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """What scrolls sideways can be reached by keyboard, and captions of the navigation have a level."""
    body = context.get("body", "").replace("<pre>", '<pre tabindex="0">')
    context["body"] = body.replace('<div class="table-wrapper', '<div tabindex="0" class="table-wrapper')
    tree = context.get("furo_navigation_tree", "")
    context["furo_navigation_tree"] = tree.replace('role="heading"', 'role="heading" aria-level="2"')


def empty_reference(app: Any) -> None:
    """Leave the reference empty if that was asked for; autodoc has made its directives by now."""
    if "pages" in app.tags:
        app.add_directive("automodule", NoModule, override=True)


def setup(app: Any) -> None:
    """Called by Sphinx; napoleon and the theme listen with priority 500."""
    app.connect("autodoc-process-docstring", keep_docstring, priority=400)
    app.connect("autodoc-process-docstring", arrange_docstring, priority=600)
    app.connect("autodoc-process-signature", shorten_signature)
    app.connect("doctree-read", tidy_annotations)
    app.connect("html-page-context", open_to_all, priority=600)
    app.connect("builder-inited", empty_reference)
