"""A run is a folder: append-only records, whole-file snapshots, checkpoints, and a lock.

Killed at any moment it can be resumed: records are flushed line by line, everything else is written
whole or not at all.
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from etude_gym.runs.records import UnreadableState, pack, unpack

CONFIG = "config.json"
CURVE = "curve.jsonl"
ANSWERS = "answers.jsonl"
PRACTICE = "practice.jsonl"
EPISODES = "episodes.jsonl"
CALLS = "calls.jsonl"
COMPUTE = "compute.json"
RECORD = "record.json"
CHECKPOINTS = "checkpoints"
LATEST = "latest.safetensors"
NETWORK = "{:0>3}.safetensors"
"""What an agent needs to act as it did at a checkpoint of the grid, by its index."""
START = "start.safetensors"
"""The network of another run that a run begins with, if it does."""
PICKLED = "latest.pickle"
"""What checkpoints were before they became plain records. Never read: reading a pickle runs code."""
TENSORBOARD = "tb"

PACKAGES = ("etude-gym", "gymnasium", "numpy", "numba", "torch", "stable-baselines3", "sb3-contrib", "ray")


class RunInUse(RuntimeError):
    """Another process is writing into the run's folder."""


class IncompleteRun(ValueError):
    """A folder is no run, or a run that has not got far enough for what is to be done with it."""


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file whole or not at all.

    Args:
        path: of the file; folders above it are made if they do not exist.
        content: all bytes of the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + f".{os.getpid()}.tmp")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file whole or not at all.

    Args:
        path: of the file; folders above it are made if they do not exist.
        value: what ``json.dumps`` takes.
    """
    write_atomically(path, (json.dumps(value, indent=2) + "\n").encode())


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Args:
        path: of a file in the folder of a run or an experiment.

    Raises:
        IncompleteRun: if there is none or it cannot be read.
    """
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise IncompleteRun(f"{path} does not exist: {path.parent} is not a run's folder.") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise IncompleteRun(f"{path} is not JSON ({error}).") from error


def timestamp() -> str:
    """Local time as part of a folder's name."""
    return time.strftime("%Y%m%d-%H%M%S")


def versions() -> dict[str, str]:
    """Versions of everything that a result depends on."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _is_torn(path: Path) -> bool:
    """Whether the last line of a file has no end."""
    if not path.exists() or not path.stat().st_size:
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() != b"\n"


class Run:
    """One run's folder.

    Records carry the "iteration" in which they were written, one stretch of practice. When a
    run is resumed at an earlier iteration, what was recorded after it is superseded and no longer read.

    Args:
        folder: the run's folder; made if it does not exist.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder for this process.

        Raises:
            RunInUse: if another process holds it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RunInUse(
                    f"Another process is writing into {self.folder}. Wait for it, or stop it."
                ) from None
            yield

    def append(self, name: str, iteration: int, record: Mapping[str, Any]) -> None:
        """Append one record and flush it; a torn last line of a killed process is closed first.

        Args:
            name: of the file.
            iteration: in which the record was written.
            record: what ``json.dumps`` takes.
        """
        path = self.folder / name
        torn = _is_torn(path)
        with path.open("ab") as file:
            file.write(b"\n" * torn + json.dumps({"iteration": iteration, **record}).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())  # before the checkpoint that counts on it

    def read(self, name: str) -> list[dict[str, Any]]:
        """Records that are not superseded, in order; torn lines are left out.

        Args:
            name: of the file; one that does not exist has no records.
        """
        path = self.folder / name
        records: list[dict[str, Any]] = []
        for line in path.read_bytes().splitlines() if path.exists() else ():
            try:
                record = json.loads(line)
            except (json.JSONDecodeError, UnicodeDecodeError):
                continue
            if "resumed_at" in record:
                records = [earlier for earlier in records if earlier["iteration"] <= record["resumed_at"]]
            else:
                records.append(record)
        return records

    def supersede(self, iteration: int) -> None:
        """Mark everything recorded after an iteration as superseded.

        Args:
            iteration: from which the run goes on.
        """
        for name in (CURVE, ANSWERS, PRACTICE, EPISODES):
            if (self.folder / name).exists():
                self.append(name, iteration, {"resumed_at": iteration})

    def save(self, state: Mapping[str, Any], name: str = LATEST) -> None:
        """Save a state among the checkpoints, whole or not at all.

        Args:
            state: of plain parts, see ``etude_gym.runs.records``.
            name: of the file.

        Raises:
            TypeError: if it has other parts, saying what and where.
        """
        write_atomically(self.folder / CHECKPOINTS / name, pack(state))

    def load(self, name: str = LATEST) -> dict[str, Any] | None:
        """A state that was saved, or None. Nothing in the file is executed.

        Args:
            name: of the file.

        Raises:
            IncompleteRun: if it cannot be read.
        """
        path = self.folder / CHECKPOINTS / name
        if not path.exists():
            self._refuse_pickle(path.with_name(PICKLED))
            return None
        try:
            return unpack(path.read_bytes())
        except UnreadableState as error:
            raise IncompleteRun(f"{path} cannot be read. {error}") from error

    def _refuse_pickle(self, path: Path) -> None:
        if path.exists():
            writer = read_json(self.folder / CONFIG).get("versions", {}).get("etude-gym", "(unknown)")
            raise IncompleteRun(
                f"{path} was written by an etude-gym {writer} whose checkpoints were pickles. Reading a "
                "pickle runs whatever code is in it, so it is left alone. Finish the run with the etude-gym "
                "that began it, or start it anew in another folder."
            )

    @property
    def networks(self) -> dict[int, str]:
        """Names of the networks that were kept, by index of the checkpoint that they were scored at."""
        found = sorted((self.folder / CHECKPOINTS).glob(NETWORK.format("[0-9]" * 3)))
        return {int(path.stem): path.name for path in found}

    def drop_networks(self, kept: Collection[int]) -> None:
        """Remove the networks of checkpoints that are superseded.

        Args:
            kept: indices of the checkpoints whose networks stay.
        """
        for index in self.networks.keys() - set(kept):
            (self.folder / CHECKPOINTS / self.networks[index]).unlink()

    @property
    def finished(self) -> bool:
        """Whether the run has reached its horizon."""
        return (self.folder / RECORD).exists()
