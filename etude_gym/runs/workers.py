"""Worker processes of experiments and panels, and how they are stopped."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Job:
    """What a worker does.

    Attributes:
        function: of a module, called with the arguments and ``should_stop``, which says when to save and
            leave; returns whether it is finished.
        arguments: what can be sent to another process.
    """

    function: Callable[..., bool]
    arguments: tuple[Any, ...]


@contextmanager
def _on_interrupt(handler: Any) -> Iterator[None]:
    """Set the handler of Ctrl-C; only the main thread can, elsewhere nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _as_they_finish(futures: Mapping[Future[bool], str], tick: Callable[[], None]) -> Iterator[Future[bool]]:
    """Futures in the order in which they end."""
    pending = set(futures)
    while pending:
        done, pending = wait(pending, timeout=0.5, return_when=FIRST_COMPLETED)
        tick()
        yield from done


_at_work = threading.Lock()


def _start_worker(parent: int) -> None:
    """In a new worker: leave Ctrl-C to the parent, which asks it to save first; do not outlive the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_after, args=(parent,), daemon=True).start()


def _leave_after(parent: int) -> None:
    """Without this, an orphan would wait for its next run forever."""
    while os.getppid() == parent:
        time.sleep(0.5)
    with _at_work:
        os._exit(1)


def _work(job: Job, stop: str, parent: int) -> bool:
    """In a worker: one job, until it is finished, the stop file appears or the parent is gone."""

    def should_stop() -> bool:
        return os.path.exists(stop) or os.getppid() != parent

    with _at_work:
        return False if should_stop() else job.function(*job.arguments, should_stop)


_WORKER_ENVIRONMENT = {
    **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
    "MALLOC_TRIM_THRESHOLD_": str(2**30),
    "MALLOC_MMAP_THRESHOLD_": str(2**25),
}
"""One thread of the linear algebra libraries for each worker. And glibc keeps what was freed: networks free
and ask for the same megabytes thousands of times, which takes up to a fifth of a run's seconds otherwise."""


class _worker_environment:
    """Worker processes start with their own environment variables."""

    def __enter__(self) -> None:
        self.before = {name: os.environ.get(name) for name in _WORKER_ENVIRONMENT}
        os.environ.update(_WORKER_ENVIRONMENT)

    def __exit__(self, *_: object) -> None:
        for name, value in self.before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def carry_out(
    jobs: Mapping[str, Job], stop: Path, workers: int, tick: Callable[[], None] = lambda: None
) -> list[str]:
    """Carry out jobs side by side; on Ctrl-C, let every one of them save itself first.

    Args:
        jobs: by name.
        stop: file that tells workers to stop; there is none before and after.
        workers: jobs side by side.
        tick: called about twice a second.

    Returns:
        What failed, and why: one line for each job. The others are finished, or stopped.
    """
    stop.unlink(missing_ok=True)
    failures: list[str] = []
    with (
        _worker_environment(),
        ExitStack() as interrupts,
        ProcessPoolExecutor(
            workers, multiprocessing.get_context("spawn"), _start_worker, (os.getpid(),)
        ) as pool,
    ):
        with _on_interrupt(signal.SIG_IGN):  # workers start here, and leave Ctrl-C to this process
            futures = {pool.submit(_work, job, str(stop), os.getpid()): name for name, job in jobs.items()}
        interrupts.enter_context(_on_interrupt(lambda *_: stop.touch()))
        for future in _as_they_finish(futures, tick):
            error = future.exception()
            if error is not None:
                failures.append(f"{futures[future]}: {type(error).__name__}: {error}")
    stop.unlink(missing_ok=True)
    return failures
