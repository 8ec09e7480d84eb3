"""What importing costs, which folder may import which, and that a bare checkout imports."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest
from waiting import PATIENCE

ROOT = Path(__file__).resolve().parent.parent
HEAVY = (
    "torch",
    "ray",
    "stable_baselines3",
    "sb3_contrib",
    "matplotlib",
    "tensorboard",
    "openai",
    "jinja2",
    "pettingzoo",
    "transformers",
    "peft",
)
LAZY = ("numba", "tyro", "rich", "unified_planning")

FOLDERS = {"": "etude_gym", "envs": "envs", "wrappers": "wrappers", "agents": "agents"}
"""Where each part of the package stands in the repository; "" is the core."""
MAY_IMPORT = {
    "": {""},
    "envs": {"", "envs"},
    "wrappers": {"", "wrappers"},
    "agents": {"", "wrappers", "agents"},
}
ORDER = (
    "difficulty",
    "tasks",
    "practice",
    "environment",
    "measure",
    "runs",
    "report",
    "conformance",
    "cli",
)
"""Folders of the core; each imports only itself and those before it."""
SHARED = {"arithmetic", "entry_points", "errors", "randomness"}
"""Modules of the core that every folder may import, and that import no folder."""
FRONTS = {("__init__.py",), ("text.py",)}
"""Modules of the core that only show what folders hold; no folder imports them."""
TEMPLATE = ROOT / "etude_gym/cli/template"
"""What `etude new-domain` writes: data here, a package of its own there."""
ENTRY_POINTS = {
    "etude_gym/__init__.py",
    "etude_gym/runs/agents.py",
    "agents/rllib/duel_env.py",
}
"""Files that name domains, agents and games in strings, as ids of Gymnasium do; no others may."""


def run_python(*arguments, cwd=None):
    """Run a fresh interpreter; return what it prints as JSON."""
    done = subprocess.run(
        [sys.executable, *arguments], cwd=cwd, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


# --- What importing costs --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "module",
    [
        "etude_gym",
        "etude_gym.conformance",
        "etude_gym.environment.registration",
        "etude_gym.practice.league",
        "etude_gym.envs.duel",
        "etude_gym.agents.llm.calls",
    ],
)
def test_importing_the_core_loads_no_heavy_library(module):
    loaded = run_python("-c", f"import json, sys, {module}; print(json.dumps(list(sys.modules)))")
    assert not {name.partition(".")[0] for name in loaded} & {*HEAVY, *LAZY}


def test_playing_a_kernel_domain_loads_no_heavy_library():
    code = (
        "import json, sys, gymnasium, etude_gym; env = gymnasium.make('EtudePlan-v0');"
        "env.reset(seed=0); env.step(0); print(json.dumps(list(sys.modules)))"
    )
    assert not {name.partition(".")[0] for name in run_python("-c", code)} & set(HEAVY)


# --- Which folder imports which --------------------------------------------------------------------------


def imported_modules(source, package):
    """Dotted names that a source file imports, anywhere in it, with the names taken from them."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def part_of(module):
    """The part of the package that a module belongs to; None for other packages."""
    first, _, rest = module.partition(".")
    if first != "etude_gym":
        return None
    name = rest.partition(".")[0]
    return name if name in FOLDERS else ""


def sources(part):
    """Source files of a part with the package that each belongs to."""
    folder = ROOT / FOLDERS[part]
    for path in sorted(folder.rglob("*.py")):
        if TEMPLATE in path.parents:
            continue
        inside = path.relative_to(folder).parent.parts
        yield path, ".".join(["etude_gym", *([part] if part else []), *inside])


def named_modules(source):
    """Dotted names of this package in strings, such as entry points."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from re.findall(r"^etude_gym(?:\.\w+)+(?=:\w+$|$)", node.value)


def core_folder(module):
    """The folder of the core that a module stands in; "" for a module at its top, None elsewhere."""
    parts = module.split(".")
    if parts[0] != "etude_gym" or part_of(module) != "" or len(parts) == 1:
        return None
    return parts[1] if parts[1] in ORDER else ""


@pytest.mark.parametrize("part", FOLDERS, ids=FOLDERS.values())
def test_imports_point_one_way(part):
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path, package in sources(part)
        for module in imported_modules(path.read_text(), package)
        if part_of(module) not in {None, *MAY_IMPORT[part]}
    ]
    assert not wrong


@pytest.mark.parametrize("part", FOLDERS, ids=FOLDERS.values())
def test_no_arrow_upwards_is_hidden_in_a_string(part):
    wrong = [
        f"{path.relative_to(ROOT)} names {module}"
        for path, _ in sources(part)
        for module in named_modules(path.read_text())
        if part_of(module) not in {None, *MAY_IMPORT[part]}
        and path.relative_to(ROOT).as_posix() not in ENTRY_POINTS
    ]
    assert not wrong


def test_every_folder_of_the_core_imports_only_those_before_it():
    core = ROOT / "etude_gym"
    assert {path.name for path in core.iterdir() if (path / "__init__.py").exists()} <= {*ORDER, *FOLDERS}
    wrong = []
    for path, package in sources(""):
        inside = path.relative_to(core).parts
        if inside in FRONTS:
            continue
        allowed = set(ORDER[: ORDER.index(inside[0]) + 1]) if len(inside) > 1 else set()
        source = path.read_text()
        for module in {*imported_modules(source, package), *named_modules(source)}:
            folder = core_folder(module)
            shared = folder == "" and module.split(".")[1] in {*SHARED, "__version__"}
            if folder is not None and folder not in allowed and not shared:
                wrong.append(f"{path.relative_to(ROOT)}: {module}")
    assert not wrong


def test_no_domain_imports_another():
    for path, package in sources("envs"):
        if package == "etude_gym.envs":
            continue
        domain = ".".join(package.split(".")[:3])
        for module in imported_modules(path.read_text(), package):
            if part_of(module) == "envs":
                assert module == "etude_gym.envs" or (module + ".").startswith(domain + "."), path


def test_the_walk_over_imports_sees_every_way_to_import():
    source = """
import etude_gym.agents.flops
from etude_gym import wrappers
from . import picture
from .. import wrappers as w
def late():
    from etude_gym.agents import sb3
    load("etude_gym.agents.sb3:Learner")
"""
    assert set(imported_modules(source, "etude_gym.envs.plan")) == {
        "etude_gym.agents.flops",
        "etude_gym",
        "etude_gym.wrappers",
        "etude_gym.envs.plan",
        "etude_gym.envs.plan.picture",
        "etude_gym.envs",
        "etude_gym.envs.wrappers",
        "etude_gym.agents",
        "etude_gym.agents.sb3",
    }
    assert [part_of(m) for m in ("etude_gym.agents.sb3", "etude_gym.tasks.keys", "etude_gym", "numpy")] == [
        "agents",
        "",
        "",
        None,
    ]


# --- Where the package is found --------------------------------------------------------------------------


def test_a_bare_checkout_imports_from_anywhere(tmp_path):
    paths = [str(ROOT), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    # Isolated and without site: nothing is installed but the dependencies.
    code = f"""
import json, sys
sys.path[:0] = {paths!r}
import gymnasium, etude_gym, etude_gym.envs.plan, etude_gym.wrappers, etude_gym.agents
gymnasium.make("EtudePlan-v0").reset(seed=0)
modules = etude_gym, etude_gym.envs.plan, etude_gym.wrappers, etude_gym.agents
print(json.dumps([module.__file__ for module in modules]))
"""
    files = run_python("-I", "-S", "-c", code, cwd=tmp_path)
    folders = ["etude_gym", "envs/plan", "wrappers", "agents"]
    assert files == [str(ROOT / folder / "__init__.py") for folder in folders]


def test_every_folder_with_code_is_in_the_wheel():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    packages = {package for part in FOLDERS for _, package in sources(part)}
    assert set(project["packages"]) == packages
    assert project["package-dir"] == {
        ".".join(filter(None, ["etude_gym", part])): folder for part, folder in FOLDERS.items()
    }
