"""What the project says of itself where no other test looks: version, changelog, workflow, templates."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

import etude_gym
from etude_gym.runs.agents import AGENTS, EXTRAS, TOOLS

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PYTHONS = re.findall(r"Python :: (3\.\d+)", " ".join(PROJECT["project"]["classifiers"]))


def read_yaml(path):
    return yaml.safe_load((ROOT / path).read_text())


def pins():
    """Pinned versions by name, as constraints.txt has them."""
    return dict(re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE))


def test_what_is_pinned_can_be_installed_on_the_oldest_python():
    """As far as it is installed here."""
    pinned = {name.lower(): version for name, version in pins().items()}
    needed = {
        found.name: found.metadata["Requires-Python"] or ""
        for found in distributions()
        if pinned.get(found.name.lower()) == found.version
    }
    assert len(needed) > 20
    oldest = f"{PYTHONS[0]}.0"
    assert [name for name, python in needed.items() if oldest not in SpecifierSet(python)] == []


def test_the_version_stands_in_one_place():
    assert PROJECT["project"]["dynamic"] == ["version"]
    assert PROJECT["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "etude_gym.__version__"}
    assert "version" not in {*PROJECT["project"], *read_yaml("CITATION.cff")}


def test_the_changelog_has_a_section_for_this_version_below_what_is_unreleased():
    sections = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert sections[0] == "Unreleased"
    assert sections[1].split()[0] == etude_gym.__version__


def test_the_citation_names_what_it_has_to():
    assert {"cff-version", "message", "title", "authors"} <= read_yaml("CITATION.cff").keys()


def test_continuous_integration_covers_every_python_with_the_oldest_and_the_newest_gymnasium():
    jobs = read_yaml(".github/workflows/test.yml")["jobs"]
    assert f">={PYTHONS[0]}" == PROJECT["project"]["requires-python"]
    assert all(job["strategy"]["matrix"]["python"] == PYTHONS for job in jobs.values())
    supported = next(need for need in PROJECT["project"]["dependencies"] if need.startswith("gymnasium"))
    oldest = supported.removeprefix("gymnasium>=")
    assert jobs["gymnasium"]["strategy"]["matrix"]["gymnasium"] == [f"=={oldest}.*", f">={oldest}"]


def test_continuous_integration_installs_extras_that_exist_and_that_leave_gymnasium_free():
    install = str(read_yaml(".github/workflows/test.yml")["jobs"]["gymnasium"]["steps"])
    extras = re.search(r"\.\[([\w,]+)\]", install)
    assert extras
    wanted = extras[1].split(",")
    assert set(wanted) <= PROJECT["project"]["optional-dependencies"].keys() - {"rllib", "all", "dev"}


def test_every_extra_that_an_error_names_exists():
    extras = {*AGENTS.keys() - {"llm_finetune", "random", "greedy", "oracle"}, *EXTRAS.values()}
    extras |= {extra for _, extra in TOOLS.values()}
    for part in ("etude_gym", "envs", "wrappers", "agents"):
        for path in (ROOT / part).rglob("*.py"):
            extras |= set(re.findall(r'MissingExtra\([^\n]*"(\w+)"\)', path.read_text()))
    assert {"sb3", "minari", "pddl", "report", "trl"} <= extras
    assert extras <= PROJECT["project"]["optional-dependencies"].keys()


def test_ruff_before_a_commit_is_the_pinned_one():
    hooks = {Path(repo["repo"]).name: repo["rev"] for repo in read_yaml(".pre-commit-config.yaml")["repos"]}
    assert hooks["ruff-pre-commit"] == f"v{pins()['ruff']}"


@pytest.mark.parametrize(
    "path", sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml")), ids=lambda path: path.stem
)
def test_issue_templates_ask_for_something(path):
    template = read_yaml(path)
    assert template["name"]
    assert template["description"]
    ids = [question["id"] for question in template["body"]]
    assert len(ids) == len(set(ids)) > 0
    assert all(question["attributes"]["label"] for question in template["body"])
