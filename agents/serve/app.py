"""Practice over HTTP: the only module that knows FastAPI."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any, Literal

import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, SkipValidation, field_validator
from starlette.exceptions import HTTPException

from etude_gym.agents.serve.gate import Gate, Limits, is_loopback
from etude_gym.agents.serve.service import (
    Conflict,
    PracticeService,
    ServiceConfig,
    UnknownEpisode,
    Unwritable,
)
from etude_gym.runs.folder import Run
from etude_gym.tasks.replies import printable

TOKEN = "ETUDE_SERVE_TOKEN"
"""The environment variable that holds the token. It is read from nowhere else and written nowhere."""

DESCRIPTION = {
    "what": "Practice as a service: tasks at the learner's frontier, graded, and adapted to its scores.",
    "how": {
        "POST /draw": 'Draw a batch: {"n": 8}. Each task has the number of its "episode", a "system" message '
        'and a "prompt". With "split": "probe" it teaches the sampler nothing.',
        "POST /reply": 'Reply: {"episode": 0, "reply": "...", "cut": false}; "cut" says that a limit of '
        'length stopped the writer. The answer holds the next "prompt", or is "over" and holds the "score". '
        'With "turn" (of the prompt, from 0) what is sent again is answered again and not played twice.',
        "POST /end": 'End an episode before its time: {"episode": 0}; "graded": false makes it not count.',
        "POST /ledger": 'Book what training cost: {"line": "rollout", "amounts": {"flops": 1e12}}.',
        "GET /open": "The open episodes with their present prompts, for a trainer that starts again.",
        "GET /state": "What the task sampler knows, counts of episodes, the ledger.",
    },
    "order": "Scores reach the sampler when all episodes of their batch are over, in the order of its tasks.",
}


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Draw(_Request):
    n: int = Field(ge=1)
    split: Literal["practice", "probe"] = "practice"


class _Reply(_Request):
    episode: int
    reply: Annotated[Any, SkipValidation]  # pydantic refuses text with unpaired surrogates, which is graded
    cut: bool = False
    turn: int | None = None

    @field_validator("reply")
    @classmethod
    def _is_text(cls, reply: Any) -> Any:
        if reply is not None and not isinstance(reply, str):
            raise ValueError(f"a reply is text, got {type(reply).__name__}")
        return reply


class _End(_Request):
    episode: int
    graded: bool = True


class _Ledger(_Request):
    line: str
    amounts: dict[str, float]


ERRORS: dict[type[Exception], int] = {UnknownEpisode: 404, Conflict: 409, ValueError: 422, Unwritable: 503}
"""Status of the answer to what the service refuses."""


def make_app(service: PracticeService, limits: Limits) -> Any:
    """The service as an ASGI application.

    Args:
        service: what answers; only this application may use it.
        limits: of the gate before it.
    """
    app = FastAPI(title="etude serve", docs_url=None, redoc_url=None)
    worker = ThreadPoolExecutor(1, "etude-serve")  # one request at a time, all in one thread

    async def ask(function: Callable[..., Any], *arguments: Any, **options: Any) -> JSONResponse:
        answer = await asyncio.get_running_loop().run_in_executor(
            worker, lambda: function(*arguments, **options)
        )
        return JSONResponse(answer)

    @app.get("/")
    async def about() -> JSONResponse:
        return JSONResponse(DESCRIPTION)

    @app.post("/draw")
    async def draw(request: _Draw) -> JSONResponse:
        return await ask(service.draw, request.n, request.split)

    @app.post("/reply")
    async def reply(request: _Reply) -> JSONResponse:
        return await ask(service.reply, request.episode, request.reply, cut=request.cut, turn=request.turn)

    @app.post("/end")
    async def end(request: _End) -> JSONResponse:
        return await ask(service.end, request.episode, graded=request.graded)

    @app.post("/ledger")
    async def ledger(request: _Ledger) -> JSONResponse:
        return await ask(service.book, request.line, request.amounts)

    @app.get("/open")
    async def open_episodes() -> JSONResponse:
        return await ask(service.open_episodes)

    @app.get("/state")
    async def state() -> JSONResponse:
        return await ask(service.state)

    _explain_errors(app)
    return Gate(app, limits)


def _explain_errors(app: FastAPI) -> None:
    """Let every refusal be {"error": a sentence}; what was sent is never sent back."""

    async def refuse(_: Request, error: Exception) -> JSONResponse:
        status = next(status for kind, status in ERRORS.items() if isinstance(error, kind))
        return JSONResponse({"error": printable(str(error))}, status)

    for kind in ERRORS:
        app.add_exception_handler(kind, refuse)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        problems = [
            f"{'.'.join(map(str, problem['loc'][1:])) or 'body'}: {problem['msg']}"
            for problem in error.errors()
        ]
        told = printable(f"{'; '.join(problems)}. GET / says what each request holds.")
        return JSONResponse({"error": told}, 422)

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> JSONResponse:
        told = f"{error.detail}. GET / says what can be asked."
        return JSONResponse({"error": told}, error.status_code, headers=error.headers)


def serve(
    *,
    folder: Path,
    new: Mapping[str, Any] | None,
    host: str,
    port: int,
    max_open: int,
    max_body: int,
    rate: float,
    say: Callable[[str], None],
) -> None:
    """Serve until interrupted.

    Args:
        folder: of the run.
        new: "env_id", "arm" and "seed" of a new run; None goes on with the one in the folder.
        host: address to listen on.
        port: of it; 0 takes a free one.
        max_open: episodes that may be open at once.
        max_body: bytes of a request, at most.
        rate: requests a second, at most.
        say: shows a line to whoever started it.

    Raises:
        ValueError: for bad input, or an address that others reach without a token.
        IncompleteRun, RunInUse: if the folder cannot be gone on with.
    """
    if not 0 <= port < 2**16:
        raise ValueError(f"A port is a number from 0 to {2**16 - 1}, got {port}.")
    token, local = os.environ.get(TOKEN, ""), is_loopback(host)
    if not local and not token:
        raise ValueError(
            f"Others reach {host}: set the environment variable {TOKEN} to a token that every request has to "
            "bring, or listen on 127.0.0.1."
        )
    limits = Limits(token, max_body, rate, max_open, local=local and not token)
    config = ServiceConfig(**new) if new else ServiceConfig.read(folder)
    config.start()  # refuses what cannot be before a folder is made
    version = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=version) as bound, Run(folder).lock():
        service = (
            PracticeService.create(folder, config, max_open) if new else PracticeService(folder, max_open)
        )
        shown = f"[{host}]" if ":" in host else host
        say(f"Serving {config.env_id} at http://{shown}:{bound.getsockname()[1]}, run in {folder}")
        say("Ctrl-C stops it; go on with --resume.")
        app = make_app(service, limits)
        uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none")).run(sockets=[bound])
    raise KeyboardInterrupt  # nothing else ends it, and uvicorn does not always pass the signal on
