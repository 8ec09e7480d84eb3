"""Kernels: compiled once, kept where something can be written, and never used when they are stale."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numba
import numpy as np
import pytest

from etude_gym.environment.registration import make_domain, registered_ids
from etude_gym.tasks import compilation
from etude_gym.tasks.compilation import cache_folder, source_stamp
from etude_gym.tasks.kernel_domain import KernelDomain

ROOT = Path(compilation.__file__).parents[2]
KERNEL_DOMAINS = [
    env_id
    for env_id in registered_ids()
    if env_id.startswith("Etude") and isinstance(make_domain(env_id), KernelDomain)
]


def run(code: str, folder: Path, **variables: str | None) -> subprocess.CompletedProcess[str]:
    """Run Python in a fresh process, with the packages that stand in a folder."""
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment(folder, **variables),
        timeout=600,
    )


def environment(folder: Path, **variables: str | None) -> dict[str, str]:
    changed = {
        "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}",
        "PYTHONDONTWRITEBYTECODE": "1",  # Python takes a file of the same size and time for unchanged
        "NUMBA_CACHE_DIR": None,
        **variables,
    }
    kept = {name: value for name, value in os.environ.items() if name not in changed}
    return kept | {name: value for name, value in changed.items() if value is not None}


def install(folder: Path) -> None:
    """Copy the packages into a folder as a wheel lays them out."""
    compiled_files = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "etude_gym", folder / "etude_gym", ignore=compiled_files)
    for part in ("envs", "wrappers", "agents"):
        shutil.copytree(ROOT / part, folder / "etude_gym" / part, ignore=compiled_files)


# --- Stale kernels -----------------------------------------------------------------------------------

FILES = {
    "rules/__init__.py": "",
    "rules/limits.py": "LIMIT = 10\nunused = 1\n",
    "rules/inner.py": (
        "from etude_gym.tasks.kernels import kernel\n"
        "from rules.limits import LIMIT\n\n\n"
        "@kernel\ndef inner(x):\n    return x + LIMIT\n"
    ),
    "rules/deep/__init__.py": "",
    "rules/deep/table.py": "import numpy as np\n\nTABLE = np.array([5, 6])\n",
    "rules/outer.py": (
        "from etude_gym.tasks.kernels import entry_point\n"
        "from rules import inner\n"
        "from rules.deep import (\n    table as names,\n)\n\n"
        "callee, TABLE = inner.inner, names.TABLE\n\n\n"
        "@entry_point\ndef outer(x):\n    return callee(x) * 100 + TABLE[0]\n"
    ),
    "rules/text.py": "from rules.outer import outer\n",
}
CALL = "from rules.outer import outer; print(outer(1))"


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """A folder with a package of kernels."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def compiled(result: subprocess.CompletedProcess[str]) -> bool:
    return "compiling" in result.stderr


def test_a_kernel_is_compiled_once_and_says_so(rules: Path) -> None:
    first, second = run(CALL, rules), run(CALL, rules)
    assert (first.stdout, second.stdout) == ("1105\n", "1105\n")
    assert "etude-gym: compiling outer of rules.outer, once" in first.stderr
    assert str(rules / "rules" / "__pycache__") in first.stderr
    assert second.stderr == ""


def test_the_folder_of_kernels_is_named_once(rules: Path) -> None:
    (rules / "rules" / "other.py").write_text(FILES["rules/outer.py"].replace("outer", "other"))
    said = run(f"{CALL}; from rules.other import other; other(1)", rules).stderr
    assert [said.count(text) for text in ("compiling outer", "compiling other", "kept in")] == [1, 1, 1]


@pytest.mark.parametrize(
    ("name", "old", "new", "answer"),
    [
        ("inner", "return x +", "return x -", "-895\n"),
        ("limits", "LIMIT = 10", "LIMIT = 20", "2105\n"),
        ("deep/table", "[5, 6]", "[7, 6]", "1107\n"),
        ("outer", "* 100", "* 10", "115\n"),
    ],
)
def test_a_change_of_a_callee_or_constant_in_any_file_is_seen(
    rules: Path, name: str, old: str, new: str, answer: str
) -> None:
    run(CALL, rules)
    file = rules / "rules" / f"{name}.py"
    times = file.stat()
    file.write_text(file.read_text().replace(old, new))
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))  # as if restored by a tool that keeps times
    assert run(CALL, rules).stdout == answer


def test_what_changes_no_source_compiles_nothing(rules: Path) -> None:
    run(CALL, rules)
    for file in rules.rglob("*.py"):
        os.utime(file)
    (rules / "rules" / "text.py").write_text("from rules.outer import outer\n\nmore = 1\n")
    shutil.copytree(rules / "rules", rules / "moved" / "rules")
    assert not compiled(run(CALL, rules))
    assert not compiled(run(CALL, rules / "moved"))


def kernels_of(domain: type) -> Iterator[Any]:
    """The kernels in the modules of a domain."""
    package = domain.__module__.rpartition(".")[0]
    for name, module in list(sys.modules.items()):
        if name.startswith(package) and isinstance(module, ModuleType):
            yield from (value for value in vars(module).values() if hasattr(value, "py_func"))


def files_reached(kernel: Any, seen: set[Any]) -> set[str]:
    """The files of all kernels that one calls, found in what its code names."""
    function = kernel.py_func
    if function in seen:
        return set()
    seen.add(function)
    files = {function.__code__.co_filename}
    for name in function.__code__.co_names:
        value = function.__globals__.get(name)
        if hasattr(value, "py_func"):
            files |= files_reached(value, seen)
    return files


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")
@pytest.mark.parametrize("env_id", KERNEL_DOMAINS)
def test_every_file_that_a_kernel_of_a_domain_reaches_is_watched(
    env_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compilation, "_source", read := _Altered())
    kernels = list(kernels_of(type(make_domain(env_id))))
    assert len(kernels) > 20
    for file in {kernel.py_func.__code__.co_filename for kernel in kernels}:
        module = next(kernel.__module__ for kernel in kernels if kernel.py_func.__code__.co_filename == file)
        reached = set().union(
            *(files_reached(k, set()) for k in kernels if k.py_func.__code__.co_filename == file)
        )
        stamp = source_stamp(module, file)
        for other in reached:
            read.altered = other
            assert source_stamp(module, file) != stamp, f"{file} does not watch {other}"
            read.altered = ""
        assert source_stamp(module, file) == stamp


class _Altered:
    """Reads sources, one of which is not as it was."""

    altered = ""

    def __call__(self, file: str) -> str:
        text = Path(file).read_text("utf-8")
        return text + "\n# changed\n" if file == self.altered else text


WORLD = """
import hashlib
import gymnasium as gym
import etude_gym
env = gym.make_vec({env_id!r}, num_envs=32, practice="uniform", vectorization_mode="vector_entry_point")
env.reset(seed=0)
print(hashlib.sha256(env.unwrapped.worlds.tobytes()).hexdigest())
"""
SUM = """
import numpy as np
from etude_gym.envs.code.language.grammar import INT, NUMBER_OF
from etude_gym.envs.code.language.running import run_program
from etude_gym.envs.code.language.tokens import MAX_TOKENS
tokens = np.zeros(MAX_TOKENS, np.int16)
tokens[:4] = [NUMBER_OF[name] for name in ("RETURN", "ADD", "LITERAL_1", "LITERAL_2")]
print(run_program(tokens, 4, INT, [], 0))
"""
ROUNDING = ("etude_gym/tasks/kernels.py", "np.ceil(value)", "np.floor(value)")
ADDING = (
    "etude_gym/envs/code/language/interpreter.py",
    "b[lane] = a[lane] + b[lane]",
    "b[lane] = a[lane] - b[lane]",
)
CHANGES = {
    "EtudePlan-v0": (WORLD.format(env_id="EtudePlan-v0"), ROUNDING),
    "EtudeLogic-v0": (WORLD.format(env_id="EtudeLogic-v0"), ROUNDING),
    "EtudeCode-v0": (SUM, ADDING),
    "EtudeCreative-v0": (WORLD.format(env_id="EtudeCreative-v0"), ROUNDING),
}


@pytest.mark.slow
@pytest.mark.parametrize("env_id", KERNEL_DOMAINS)
def test_a_domain_sees_that_a_callee_in_another_file_has_changed(env_id: str, tmp_path: Path) -> None:
    code, (name, old, new) = CHANGES[env_id]
    install(tmp_path)
    before, again = run(code, tmp_path), run(code, tmp_path)
    assert before.returncode == 0, before.stderr
    assert again.stdout == before.stdout
    assert not compiled(again)
    file = tmp_path / name
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    after = run(code, tmp_path)
    assert after.returncode == 0, after.stderr
    assert after.stdout != before.stdout
    if code == SUM:
        assert (before.stdout, after.stdout) == ("3\n", "-1\n")


# --- Where kernels are kept --------------------------------------------------------------------------


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing is set; home and temporary folder lie in the folder that is returned."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(compilation.tempfile, "gettempdir", lambda: str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    (tmp_path / "sources").mkdir()
    cache_folder.cache_clear()
    yield tmp_path
    cache_folder.cache_clear()


def deny(monkeypatch: pytest.MonkeyPatch, *denied: Path) -> None:
    """Let nothing be written into some folders, whoever runs the tests."""
    writable = compilation._writable
    monkeypatch.setattr(
        compilation,
        "_writable",
        lambda folder: None if any(folder.is_relative_to(one) for one in denied) else writable(folder),
    )


def test_kernels_are_kept_beside_their_sources(folders: Path) -> None:
    assert cache_folder(folders / "sources") == folders / "sources" / "__pycache__"


def test_the_folder_that_numba_is_told_to_use_comes_first(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(folders / "given"))
    folder = cache_folder(folders / "sources")
    assert folder is not None
    assert folder.parent == folders / "given"


def test_two_folders_of_one_name_do_not_share_a_place(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(folders / "given"))
    assert cache_folder(folders / "one" / "code") != cache_folder(folders / "other" / "code")


def test_without_a_writable_tree_the_cache_of_the_user_is_used(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deny(monkeypatch, folders / "sources")
    folder = cache_folder(folders / "sources")
    assert folder is not None
    assert folder.parent == folders / "home" / ".cache" / "etude-gym"


def test_without_a_writable_home_a_temporary_folder_of_the_user_alone_is_used(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deny(monkeypatch, folders / "sources", folders / "home")
    folder = cache_folder(folders / "sources")
    assert folder is not None
    assert folder.parent.parent == folders / "temporary"
    assert folder.parent.stat().st_mode & 0o777 == 0o700


def test_a_user_without_any_home_uses_the_temporary_folder(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    deny(monkeypatch, folders / "sources")
    monkeypatch.setattr(compilation.Path, "home", homeless)
    folder = cache_folder(folders / "sources")
    assert folder is not None
    assert folder.parent.parent == folders / "temporary"


def test_a_temporary_folder_that_others_can_write_is_not_trusted(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deny(monkeypatch, folders / "sources", folders / "home")
    own = folders / "temporary" / f"etude-gym-{os.getuid()}"
    own.mkdir()
    own.chmod(0o777)
    assert cache_folder(folders / "sources") is None
    own.rmdir()
    own.symlink_to(folders / "home", target_is_directory=True)
    cache_folder.cache_clear()
    assert cache_folder(folders / "sources") is None


def test_where_nothing_can_be_written_kernels_run_all_the_same(rules: Path) -> None:
    code = (
        "from etude_gym.tasks import compilation\n"
        "compilation._writable = lambda folder: None\n"
        "compilation._is_own = lambda folder: False\n" + CALL
    )
    result = run(code, rules)
    assert result.stdout == "1105\n"
    assert "kept nowhere" in result.stderr


def without_privileges() -> list[str]:
    """How to start a process that may not write what its user has no permission to write."""
    if os.getuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root may write everywhere")
    return ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="permissions of POSIX")
def test_an_installation_and_a_home_that_cannot_be_written_are_no_hindrance(tmp_path: Path) -> None:
    installed = tmp_path / "installed"
    install(installed)
    for folder in (installed, *(path for path in installed.rglob("*") if path.is_dir())):
        folder.chmod(0o555)
    (tmp_path / "temporary").mkdir()
    code = (
        "import numpy as np\n"
        "from etude_gym.tasks.kernels import sample_masked\n"
        "actions = np.zeros(1, np.int64)\n"
        "sample_masked(np.array([[0, 1]], np.int8), np.array([7], np.uint64), 0, actions)\n"
        "print(actions[0])"
    )
    variables = {"HOME": "/proc/none", "XDG_CACHE_HOME": None, "TMPDIR": str(tmp_path / "temporary")}
    result = subprocess.run(
        [*without_privileges(), sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd="/",
        env=environment(installed, **variables) | {"PYTHONPATH": str(installed)},
        timeout=600,
    )
    for folder in (installed, *(path for path in installed.rglob("*") if path.is_dir())):
        folder.chmod(0o755)
    assert result.stdout == "1\n", result.stderr
    assert f"kept in {tmp_path / 'temporary'}" in result.stderr


# --- Several first uses at once ----------------------------------------------------------------------


def test_of_several_first_uses_at_once_one_compiles_and_the_others_wait(rules: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CALL],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(rules),
        )
        for _ in range(3)
    ]
    results = [process.communicate() for process in processes]
    assert [out for out, _ in results] == ["1105\n"] * 3
    assert sum("compiling outer" in err for _, err in results) == 1


def test_a_lock_that_is_never_released_does_not_hold_anybody_up_forever(rules: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    (rules / "rules" / "__pycache__").mkdir()
    with open(rules / "rules" / "__pycache__" / "outer.outer.lock", "a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        code = f"from etude_gym.tasks import compilation\ncompilation.LONGEST_WAIT = 0.5\n{CALL}"
        result = run(code, rules)
    assert result.stdout == "1105\n"
    assert "another process compiles the same kernel" in result.stderr


# --- Without a compiler ------------------------------------------------------------------------------

PLAY = """
import hashlib
import gymnasium as gym
import numpy as np
import etude_gym
env_id, family = {env_id!r}, {family!r}
env = gym.make(env_id, practice="uniform", family=family)
seen = hashlib.sha256()
observation, info = env.reset(seed=3)
for step in range(12):
    seen.update(np.ascontiguousarray(observation).tobytes() + info["action_mask"].tobytes())
    legal = np.flatnonzero(info["action_mask"])
    observation, reward, ended, truncated, info = env.step(int(legal[step % len(legal)]))
    seen.update(f"{{reward:.17g}} {{ended}}".encode())
    if ended or truncated:
        observation, info = env.reset()
env.reset(seed=4)
domain, worlds = env.unwrapped.domain, env.unwrapped.worlds
seen.update(domain.prompt(worlds, 0).encode())
seen.update(domain.solvers()["oracle"](worlds).tobytes())
print(seen.hexdigest())
"""
PLAYED = [(env_id, family) for env_id in KERNEL_DOMAINS for family in make_domain(env_id).space.families]


@pytest.mark.parametrize(("env_id", "family"), PLAYED)
def test_without_jit_everything_is_as_with_it(env_id: str, family: str, tmp_path: Path) -> None:
    code = PLAY.format(env_id=env_id, family=family)
    interpreted = run(code, tmp_path, NUMBA_DISABLE_JIT="1")
    assert interpreted.returncode == 0, interpreted.stderr
    assert interpreted.stdout == run(code, tmp_path).stdout


PRACTICE = """
import numpy as np
from etude_gym.environment.registration import make_domain
from etude_gym.practice.sampler import Results
from etude_gym.practice.strategies import make_sampler
from etude_gym.randomness import mix
sampler = make_sampler("adaptive", make_domain("EtudePlan-v0").space)
for first in range(0, 2000, 50):
    drawn = sampler.draw(mix(1, np.arange(first, first + 50)))
    scores = (np.arange(50) % 2).astype(float)
    sampler.update(Results(drawn.difficulty, drawn.family, scores, drawn.reason))
print(sampler.state_dict())
"""


def test_without_jit_the_default_sampler_learns_as_with_it(tmp_path: Path) -> None:
    interpreted = run(PRACTICE, tmp_path, NUMBA_DISABLE_JIT="1")
    assert interpreted.returncode == 0, interpreted.stderr
    assert interpreted.stdout == run(PRACTICE, tmp_path).stdout


def test_without_jit_small_integers_are_calculated_with_as_compiled_kernels_do() -> None:
    from etude_gym.tasks.interpretation import interpreted

    record = np.zeros(1, [("small", np.int8), ("numbers", np.int8, (2,)), ("inner", [("word", np.uint64)])])
    record["small"], record["inner"]["word"] = 100, 2**63

    @interpreted
    def rules(records: Any, out: Any) -> Any:
        row = records[0]
        row.numbers[0] = row.small + row.small  # 200 wraps around when it is stored
        row.inner.word *= np.uint64(3)
        out[0] = row.small + row.small
        return row.small * 2

    out = np.zeros(1, np.int64)
    assert rules(record, out) == 200
    assert (out[0], record["numbers"][0, 0], record["inner"]["word"][0]) == (200, -56, 2**63)
