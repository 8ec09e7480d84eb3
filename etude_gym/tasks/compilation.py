"""How kernels become machine code: compiled when they are first called, once, and kept in a cache.

Numba's own cache takes a function for unchanged as long as its own file is. Here a kernel counts as changed
as soon as its file differs, or any that this imports from the same package or the core, directly or not:
whatever a kernel calls or reads as a constant stands in one of them.

Imported by kernel domains only, so that ``import etude_gym`` stays light.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import gc
import hashlib
import importlib.util
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar, TextIO

import numba
from numba.core import event

try:
    import fcntl
except ImportError:  # Windows: every process compiles for itself
    fcntl = None  # type: ignore[assignment]

LONGEST_WAIT = 600.0
"""Seconds to wait for another process that compiles the same kernel; afterwards it is compiled twice."""
NOTICED = 2.0
"""Seconds of compiling from which on it is said how long it took."""


# --- What a kernel depends on ------------------------------------------------------------------------


def source_stamp(module: str, file: str) -> str:
    """A hash of all that the kernels of a file can depend on.

    Args:
        module: full name of the module.
        file: its path.

    Returns:
        The same string as long as neither the file nor any that it imports, of its own package or of
        ``etude_gym``, has changed; where the files lie does not matter.
    """
    packages = (module.partition(".")[0], __name__.partition(".")[0])
    found = {module: _source(file)}
    waiting = [module]
    while waiting:
        for name in _imports(found[waiting.pop()]):
            origin = None if name in found or name.partition(".")[0] not in packages else _origin(name)
            if origin is not None:
                found[name] = _source(origin)
                waiting.append(name)
    stamp = hashlib.sha256()
    for name in sorted(found):
        stamp.update(f"{name} {len(found[name])}\n{found[name]}".encode())
    return stamp.hexdigest()


@functools.cache
def _source(file: str) -> str:
    return Path(file).read_text("utf-8")


@functools.cache
def _origin(module: str) -> str | None:
    """The file of a module, or None where there is none of that name."""
    with contextlib.suppress(ImportError, ValueError, AttributeError):
        spec = importlib.util.find_spec(module)
        return spec.origin if spec is not None and spec.has_location else None
    return None


@functools.cache
def _imports(source: str) -> tuple[str, ...]:
    """What a file imports when it is imported: modules, and names that may be modules."""
    names: list[str] = []
    waiting: list[ast.AST] = [ast.parse(source)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.expr)):
            waiting += ast.iter_child_nodes(node)
    return tuple(names)


# --- Where compiled kernels are kept -----------------------------------------------------------------


@functools.cache
def cache_folder(sources: Path) -> Path | None:
    """Where the compiled kernels of a folder of sources are kept: the first of these that can be written.

    ``NUMBA_CACHE_DIR`` if it is set, ``__pycache__`` beside the sources, the user's cache, a folder of the
    user's own among the temporary ones.

    Returns:
        A folder that exists, or None if nothing can be written anywhere.
    """
    apart = f"{sources.name}-{hashlib.sha256(str(sources).encode()).hexdigest()[:16]}"
    if numba.config.CACHE_DIR and (folder := _writable(Path(numba.config.CACHE_DIR) / apart)):
        return folder
    if folder := _writable(sources / "__pycache__"):
        return folder
    with contextlib.suppress(RuntimeError):  # there is no home
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        if folder := _writable(Path(home) / "etude-gym" / apart):
            return folder
    own = Path(tempfile.gettempdir()) / f"etude-gym-{os.getuid() if hasattr(os, 'getuid') else 'user'}"
    return _writable(own / apart) if _is_own(own) else None


def _writable(folder: Path) -> Path | None:
    """The folder, made if need be, if files can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return None
    return folder


def _is_own(folder: Path) -> bool:
    """Whether a folder belongs to the user alone, made if need be: code is loaded from there."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
    except OSError:
        return False
    if not hasattr(os, "getuid"):
        return True
    return status.st_uid == os.getuid() and status.st_mode & 0o170077 == 0o040000


class KernelLocator:
    """Tells numba where a kernel is kept and whether it is stale; see ``NUMBA_CACHE_LOCATOR_CLASSES``."""

    def __init__(self, function: Callable[..., Any], file: str, folder: Path) -> None:
        self.folder = folder
        self.stamp = source_stamp(function.__module__, file)
        self._line = function.__code__.co_firstlineno

    @classmethod
    def from_function(cls, function: Callable[..., Any], file: str) -> KernelLocator | None:
        folder = cache_folder(Path(file).parent)
        return None if folder is None else cls(function, file, folder)

    def ensure_cache_path(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)

    def get_cache_path(self) -> str:
        return str(self.folder)

    def get_source_stamp(self) -> str:
        return self.stamp

    def get_disambiguator(self) -> str:
        return str(self._line)


# --- Compiling ---------------------------------------------------------------------------------------


def cached(dispatcher: Any) -> Any:
    """Have a function of numba read from the cache, or compiled by one process while others wait.

    Args:
        dispatcher: what ``numba.njit`` returned.

    Returns:
        The same function.
    """
    function = dispatcher.py_func
    locator = KernelLocator.from_function(function, function.__code__.co_filename)
    if locator is not None:
        _enable_caching(dispatcher)
    compile_signature = dispatcher.compile
    dispatcher.compile = lambda signature: _compile(compile_signature, signature, function, locator)
    return dispatcher


def _enable_caching(dispatcher: Any) -> None:
    others = numba.config.CACHE_LOCATOR_CLASSES
    numba.config.CACHE_LOCATOR_CLASSES = f"{KernelLocator.__module__}.{KernelLocator.__qualname__}"
    try:
        dispatcher.enable_caching()
    finally:
        numba.config.CACHE_LOCATOR_CLASSES = others


def machine_code(kernel: Any, *arguments: Any) -> Any:
    """What a kernel runs for arguments of these types, to be called without looking at the types every time.

    The look takes a third of the time of a short kernel. Arguments of other types must never be passed.

    Args:
        kernel: an entry point.
        arguments: of the types that it will be called with.
    """
    if numba.config.DISABLE_JIT:
        return kernel
    return kernel.compile(tuple(map(numba.typeof, arguments)))


_compiling = threading.local()


def _compile(
    compile_signature: Callable[[Any], Any],
    signature: Any,
    function: Callable[..., Any],
    locator: KernelLocator | None,
) -> Any:
    """Compile a kernel, or read it from the cache."""
    if getattr(_compiling, "now", False):  # for another kernel, which calls this one
        return compile_signature(signature)
    _compiling.now = True
    try:
        with _Progress(function, locator) as progress, _only_process(function, locator, progress.say):
            return compile_signature(signature)
    finally:
        _compiling.now = False


@contextlib.contextmanager
def _only_process(
    function: Callable[..., Any], locator: KernelLocator | None, say: Callable[[str], None]
) -> Iterator[None]:
    """Be the only process that compiles a kernel, unless it was compiled as it is now before."""
    if fcntl is None or locator is None:
        yield
        return
    module = function.__module__.rpartition(".")[2]
    try:
        lock = open(locator.folder / f"{module}.{function.__qualname__}.lock", "a+")  # noqa: SIM115
    except OSError:
        yield
        return
    with lock:
        lock.seek(0)
        if lock.read() == locator.stamp:
            yield
            return
        _wait_for(lock, say)
        yield
        lock.truncate(0)
        lock.write(locator.stamp)


def _wait_for(lock: TextIO, say: Callable[[str], None]) -> None:
    """Lock a file; give up after a while, or where files cannot be locked."""
    give_up = time.monotonic() + LONGEST_WAIT
    waiting = False
    while time.monotonic() < give_up:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if not waiting:
                say("another process compiles the same kernel: waiting for it")
            waiting = True
            time.sleep(0.1)
        except OSError:
            return


class _Progress(event.Listener):  # type: ignore[misc]
    """Says on standard error what is compiled, with the garbage collector off meanwhile.

    Hardly anything is garbage while numba compiles, and looking for it takes a tenth of the time.
    A folder is named once, and how long it took where one could notice it.
    """

    _named: ClassVar[set[str]] = set()

    def __init__(self, function: Callable[..., Any], locator: KernelLocator | None) -> None:
        self._kernel = f"{function.__qualname__} of {function.__module__}"
        self._kept = "nowhere, as no folder can be written" if locator is None else f"in {locator.folder}"
        self._count = 0
        self._start = 0.0
        self._collecting = False
        self._listening: Any = None

    def say(self, text: str, end: str = "\n") -> None:
        print(f"etude-gym: {text}", end=end, file=sys.stderr, flush=True)

    def __enter__(self) -> _Progress:
        self._start = time.monotonic()
        self._listening = event.install_listener("numba:compile", self)
        self._listening.__enter__()
        return self

    def on_start(self, event: Any) -> None:
        if self._count == 0:
            kept = "" if self._kept in self._named else f" (kept {self._kept})"
            self._named.add(self._kept)
            self.say(f"compiling {self._kernel}, once{kept}")
            self._collecting = gc.isenabled()
            gc.disable()
        self._count += 1
        if self._is_terminal():
            name = event.data["dispatcher"].py_func.__qualname__
            self.say(f"{self._count} functions, {name}"[:68].ljust(68), end="\r")

    def on_end(self, event: Any) -> None:
        pass

    def __exit__(self, *failure: Any) -> None:
        self._listening.__exit__(*failure)
        if self._collecting:
            gc.enable()
        seconds = time.monotonic() - self._start
        if self._count and (seconds >= NOTICED or self._is_terminal()):
            functions = "1 function" if self._count == 1 else f"{self._count} functions"
            self.say(f"compiled {functions} in {seconds:.0f} s".ljust(68))

    @staticmethod
    def _is_terminal() -> bool:
        return bool(getattr(sys.stderr, "isatty", bool)())
