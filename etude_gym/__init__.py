"""etude-gym: environments that practise an agent at its frontier and measure how fast it learns."""

from pathlib import Path

# In a bare checkout the folders `envs`, `wrappers` and `agents` stand beside this package;
# an installed wheel holds them inside it.
_root = Path(__file__).resolve().parent.parent
if not (Path(__file__).resolve().parent / "envs").is_dir() and (_root / "pyproject.toml").is_file():
    __path__.append(str(_root))
del _root
