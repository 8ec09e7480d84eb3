"""The documentation says what is so: commands exist, snippets run and print what is shown, it builds."""

from __future__ import annotations

import ast
import contextlib
import importlib
import io
import re
import subprocess
import sys
from importlib.util import find_spec
from urllib.parse import urlsplit

import gymnasium as gym
import pytest
import tyro
from commands import run
from pages import PAGES, ROOT, etude_commands, fences
from small_runs import small_run

import etude_gym
from etude_gym.cli.main import COMMANDS

TUTORIALS = [page for page in PAGES if "/tutorials/" in page]

ELSEWHERE = {
    "docs/adapters.md": "each block needs a library of somebody else's: tests/test_adapters.py",
    "docs/calibration.md": "needs a trained agent of a domain with a calibration: tests/test_placing.py",
    "docs/ideas.md": "needs the weights of MiniLM, and sheets that people filled in: tests/test_ideas.py",
}
"""Pages whose Python other tests carry out, and why."""

HEAVY = "etude_gym.agents.rllib"
"""Blocks with this run in a slow test."""

GIVEN = {
    "CONTRIBUTING.md": "from etude_gym import register_domain",
    "docs/leaderboard.md": """
import numpy as np
abilities, items = np.linspace(-2, 2, 9)[:, None], np.linspace(-1, 1, 12)
scores_on_version_1 = 1 / (1 + np.exp(items - abilities))
scores_on_version_2 = 1 / (1 + np.exp(items - 0.3 - abilities))
unchanged_in_1 = unchanged_in_2 = np.arange(8)
""",
}
"""What blocks of a page take for granted."""

TRAINED = "runs/quick/adaptive/seed_0"
"""A run that pages name; here a small one stands in its place."""

SHORTER = {
    "docs/tutorials/first_practice.md": {
        "--preset quick": "--preset quick --arms static adaptive --seeds 2 --items 2 --horizon 2e9",
        "--seeds 5 --arms frontier": "--seeds 3 --arms frontier",
    },
    "docs/tutorials/own_learner.md": {
        "--seeds 5 --horizon 1e9": "--seeds 2 --items 2 --horizon 2e7",
        "--recipes recipes.json": "--recipes recipes.json --arms static --seeds 1 --items 2",
    },
    "docs/tutorials/own_domain.md": {
        "--seeds 3 --items 20 --horizon 2e10": "--seeds 2 --items 2 --horizon 2e8",
    },
}
"""What the tests of tutorials replace in commands, so that they take seconds in place of minutes."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return small_run(tmp_path_factory.mktemp("run"))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder to work in, whose modules are forgotten in the end, as are domains they register."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    registered = dict(gym.registry)
    yield tmp_path
    gym.registry.clear()
    gym.registry.update(registered)
    for path in tmp_path.glob("*.py"):
        sys.modules.pop(path.stem, None)


def run_python(page, fence, names, replaced=()):
    """Carry out a block; what it prints is what the page shows behind it, if it shows anything."""
    code = fence.text
    for old, new in dict(replaced).items():
        code = code.replace(old, new)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, f"{page}:{fence.line}", "exec"), names)
    if fence.output is not None:
        assert printed.getvalue() == fence.output


@pytest.mark.parametrize("page", [page for page in PAGES if page not in ELSEWHERE])
def test_python_of_a_page_runs_and_prints_what_is_shown(page, folder, trained):
    names: dict = {}
    exec(GIVEN.get(page, ""), names)
    for fence in fences(page):
        if fence.file:
            (folder / fence.file).write_text(fence.text)
        elif fence.info == "python" and HEAVY not in fence.text:
            run_python(page, fence, names, {TRAINED: str(trained)})


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_heavy_python_of_a_page_runs(page, folder):
    ray = pytest.importorskip("ray")
    blocks = [fence for fence in fences(page) if fence.info == "python" and HEAVY in fence.text]
    for fence in blocks:
        try:
            run_python(page, fence, {})
        finally:
            ray.shutdown()
    if not blocks:
        pytest.skip("there is none")


REFERENCE = set(
    re.findall(
        r"automodule:: (\S+)",
        "".join((ROOT / page).read_text() for page in PAGES if page.startswith("docs/reference/")),
    )
)
"""Modules that the API reference holds."""


def is_documented(module, name):
    """Whether the reference holds something where it is imported from or defined, or parts of it."""
    if module in REFERENCE or any(each.startswith(f"{module}.{name}") for each in REFERENCE):
        return True
    return getattr(importlib.import_module(module), name).__module__ in REFERENCE


@pytest.mark.parametrize("page", PAGES)
def test_what_snippets_import_stands_in_the_reference(page):
    for fence in fences(page):
        if not fence.info.startswith("python") or "etude_gym" not in fence.text:
            continue
        for node in ast.walk(ast.parse(fence.text)):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("etude_gym"):
                names = [each.name for each in node.names if not is_documented(node.module, each.name)]
                assert not names, f"{page}:{fence.line}: {names} of {node.module}"


@pytest.mark.parametrize("page", PAGES)
def test_links_to_elsewhere_are_well_formed(page):
    text = re.sub(r"```.*?```|`[^`]*`", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL)
    for link in re.findall(r"\]\((\w+://[^)\s]*)", text):
        parts = urlsplit(link)
        assert (parts.scheme, "." in parts.netloc) == ("https", True), f"{page}: {link}"


def test_the_learner_of_the_tutorial_is_the_one_that_tests_measure():
    [code] = [each.text for each in fences("docs/tutorials/own_learner.md") if each.file == "my_learner.py"]
    assert code in (ROOT / "tests/own_learner.py").read_text()


@pytest.mark.parametrize("page", PAGES)
def test_commands_of_a_page_are_commands_that_there_are(page, capsys):
    for fence in fences(page):
        for name, *arguments in etude_commands(fence):
            if name.startswith("-"):  # etude --version
                continue
            assert name in COMMANDS, f"{page}:{fence.line}: etude {name}"
            if "..." in arguments or "|" in arguments:  # a synopsis
                continue
            known = [re.sub(r"\$\w+", "0", argument) for argument in arguments]
            try:
                tyro.cli(COMMANDS[name], args=known, config=(tyro.conf.DisallowNone,))
            except SystemExit:
                pytest.fail(f"{page}:{fence.line}: etude {name} {' '.join(arguments)}\n{capsys.readouterr()}")


@pytest.mark.slow
@pytest.mark.parametrize("page", SHORTER)
def test_a_tutorial_can_be_followed_to_its_end(page, folder, capsys):
    pytest.importorskip("sb3_contrib")
    names: dict = {}
    for fence in fences(page):
        if fence.file:
            (folder / fence.file).write_text(fence.text)
        elif fence.info == "python":
            run_python(page, fence, names)
        for command in etude_commands(fence):
            line = " ".join(command)
            for long, short in SHORTER[page].items():
                line = line.replace(long, short)
            if "--base-url" not in line and not line.startswith("play"):
                code, _, errors = run(capsys, *line.split())
                assert code == 0, f"etude {line}\n{errors}"


with_sphinx = pytest.mark.skipif(
    not (find_spec("sphinx") and find_spec("furo") and find_spec("myst_parser")),
    reason="needs the extra docs",
)

ASKS = (
    re.compile(r'<(?:script|img|iframe|source)[^>]*\ssrc="(?:https?:)?//'),
    re.compile(r'<link[^>]*\shref="(?:https?:)?//'),
    re.compile(r"""(?:url\(|@import)\s*["']?(?:https?:)?//"""),
)
"""What a browser would fetch from elsewhere when it opens a page."""


def build_site(folder, *options):
    """Build the site, warnings being errors; return its pages and style sheets."""
    build = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", *options, "-c", "docs", "."]
    done = subprocess.run([*build, str(folder)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [path for path in folder.rglob("*") if path.suffix in (".html", ".css")]


@with_sphinx
def test_links_between_pages_lead_somewhere_and_an_opened_page_asks_for_nothing(tmp_path):
    files = build_site(tmp_path, "-t", "pages")
    assert len(files) > len(PAGES)
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert not any(asks.search(text) for asks in ASKS), path


@pytest.mark.slow
@with_sphinx
def test_the_reference_holds_what_docstrings_say(tmp_path):
    build_site(tmp_path)
    pages = {
        path.stem: path.read_text(encoding="utf-8") for path in (tmp_path / "docs/reference").glob("*.html")
    }
    assert 'id="etude_gym.measure.practice_efficiency.practice_efficiency"' in pages["measure"]
    for name in etude_gym.__all__:
        assert f'#{getattr(etude_gym, name).__module__}.{name}"' in pages["environments"], name
    for name, page in pages.items():
        for raw in (
            "dtype[float64]",
            "dtype[bool]",
            "_SupportsArray",
            "&lt;function",
            "&lt;factory",
            "(*args, **kwargs)",
        ):
            assert raw not in re.sub("<[^>]*>", "", page), f"{raw} in {name}"
