"""One attempt to get an answer, and what its failure means: try again, shrink the memory, or stop."""

from __future__ import annotations

import asyncio
import email.utils
import json
import re
import time
from dataclasses import dataclass
from typing import Any

from etude_gym.agents.llm.endpoint import KEY_VARIABLES, Endpoint, Usage, api_key
from etude_gym.errors import MissingExtra

try:
    import openai
except ImportError as error:  # pragma: no cover
    raise MissingExtra("Asking a language model", "llm") from error

NOTHING = Usage()
TRANSIENT = {408, 409, 425, 429}
"""Statuses below 500 that pass."""
QUOTA = {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"}
TOO_LONG = re.compile(
    r"context.{0,20}(length|size|window)|(prompt|input|messages?) (is|are) too long", re.IGNORECASE
)
"""How servers say that the messages don't fit, with one of these statuses."""
TOO_LONG_STATUSES = (400, 413, 422, 500)
SECONDS_TO_TELL = 10.0
"""For what an endpoint tells about itself."""


class EndpointRefuses(RuntimeError):
    """The endpoint will answer no request as things are; the message says what to do."""


@dataclass(frozen=True)
class Reply:
    """An answer as the endpoint gave it; without usage if it reports none."""

    text: str
    finish_reason: str
    usage: Usage | None


@dataclass(frozen=True)
class Failure:
    """An attempt without an answer.

    Args:
        reason: in words.
        status: of HTTP; 0 if none arrived.
        usage: tokens that were spent; None if unknown.
        retry_after: seconds that the endpoint asks to wait; None if it asks for nothing.
        too_long: whether the messages don't fit the model's context: trying again is in vain.
        other_limit: whether the endpoint wants "max_completion_tokens" in place of "max_tokens".
    """

    reason: str
    status: int = 0
    usage: Usage | None = NOTHING
    retry_after: float | None = None
    too_long: bool = False
    other_limit: bool = False


def connect(endpoint: Endpoint) -> openai.AsyncOpenAI:
    """A client of the endpoint that tries nothing again by itself.

    Args:
        endpoint: to ask.
    """
    return openai.AsyncOpenAI(
        base_url=endpoint.base_url,
        api_key=api_key() or "none",
        max_retries=0,
        timeout=2 * endpoint.timeout,  # attempts end by a clock of their own
    )


async def attempt(server: openai.AsyncOpenAI, settings: dict[str, Any], seconds: float) -> Reply | Failure:
    """Ask once.

    Args:
        server: the client to ask through.
        settings: the body of the request.
        seconds: after which the attempt is given up.

    Raises:
        EndpointRefuses: if no request can be answered as things are.
    """
    try:
        async with asyncio.timeout(seconds):
            raw = await server.chat.completions.with_raw_response.create(**settings)
            return read_reply(raw.http_response.text)
    except TimeoutError:
        return Failure(f"no answer within {seconds:.3g} seconds", usage=None)
    except openai.APIStatusError as error:
        return await _status_failure(server, error)
    except openai.APIConnectionError as error:
        spent = None if _was_open(error) else NOTHING
        return Failure(f"the connection failed ({_cause(error)})", usage=spent)


def read_reply(body: str) -> Reply | Failure:
    """Read what came with status 200, which need not be an answer.

    Args:
        body: of the response.
    """
    try:
        content = json.loads(body)
    except ValueError:
        cut = body.lstrip().startswith("{")
        reason = "the answer's body was cut" if cut else f"not an answer but {message_of(body)[:40]!r}"
        return Failure(reason, 200, None if cut else NOTHING)
    content = content if isinstance(content, dict) else {}
    usage = _usage(content.get("usage"))
    try:
        choice = content["choices"][0]
        text = choice["message"].get("content") or ""
        if not isinstance(text, str):
            raise TypeError("content is no text")
        whole = text.encode("utf-8", "replace").decode()  # half a surrogate pair could not be sent again
        return Reply(whole, str(choice.get("finish_reason") or ""), usage)
    except (KeyError, IndexError, TypeError, AttributeError):
        said = f" ({message_of(content)})" if content.get("error") else ""
        return Failure(f"an answer without choices{said}", 200, usage or NOTHING)


async def models(server: openai.AsyncOpenAI) -> list[dict[str, Any]]:
    """What the endpoint tells about its models; nothing if it does not tell."""
    content = await get(server, "/models")
    data = content.get("data") if isinstance(content, dict) else None
    return [model for model in data if isinstance(model, dict)] if isinstance(data, list) else []


async def get(server: openai.AsyncOpenAI, path: str) -> Any:
    """The JSON at a path or a whole address of the endpoint; None where there is none.

    Raises:
        EndpointRefuses: if nothing listens, or the key is refused.
    """
    try:
        return await server.get(path, cast_to=object, options={"timeout": SECONDS_TO_TELL})
    except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
        raise _refused_key(error) from None
    except openai.APIConnectionError as error:
        if _was_open(error):
            return None
        raise EndpointRefuses(
            f"Nothing answers at {server.base_url} ({_cause(error)}). Start the server or check the address: "
            "in a checkout, scripts/serve_small_model.py starts a small model."
        ) from None
    except (openai.APIError, ValueError):
        return None


def message_of(body: Any) -> str:
    """What an error's body says, without the key."""
    for name in ("error", "message", "detail"):
        if isinstance(body, dict) and body.get(name):
            body = body[name]
    text = body if isinstance(body, str) else json.dumps(body) if body else "no message."
    return _without_key(" ".join(text.split()))[:300]


async def _status_failure(server: openai.AsyncOpenAI, error: openai.APIStatusError) -> Failure:
    status, said = error.status_code, message_of(error.body)
    codes = {str(error.code), str(error.type)}
    if status in (401, 403):
        raise _refused_key(error)
    if status == 402 or (status == 429 and codes & QUOTA):
        raise EndpointRefuses(
            f"The endpoint's quota is exhausted: {said} Top it up, or use another key, and resume the run."
        ) from None
    if status in TOO_LONG_STATUSES and TOO_LONG.search(" ".join([*codes, said])):
        return Failure(said, status, too_long=True)
    if status == 400 and "max_completion_tokens" in said:
        return Failure(said, status, other_limit=True)
    if status in TRANSIENT or status >= 500:
        return Failure(f"status {status}: {said}", status, retry_after=_retry_after(error))
    if status == 404:
        names = ", ".join(repr(model.get("id")) for model in await models(server)) or "none that it lists"
        raise EndpointRefuses(
            f"The endpoint knows no such model or address: {said} Models at {server.base_url}: {names}."
        ) from None
    raise EndpointRefuses(f"The endpoint refuses the request with status {status}: {said}") from None


def _refused_key(error: openai.APIStatusError) -> EndpointRefuses:
    return EndpointRefuses(
        f"The endpoint refuses the key with status {error.status_code}: {message_of(error.body)} Set the "
        f"environment variable {' or '.join(KEY_VARIABLES)}, and resume the run."
    )


def _usage(reported: Any) -> Usage | None:
    try:
        details = reported.get("prompt_tokens_details") or {}
        cached = int(details.get("cached_tokens") or 0)
        tokens = int(reported["prompt_tokens"]), int(reported["completion_tokens"]), cached
        return Usage(*tokens) if min(tokens) >= 0 else None
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        return None


def _retry_after(error: openai.APIStatusError) -> float | None:
    """Seconds that the endpoint asks to wait, told as a number or as a date."""
    told = error.response.headers.get("retry-after", "")
    try:
        return max(0.0, float(told))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(told).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def _was_open(error: openai.APIConnectionError) -> bool:
    """Whether the endpoint took the request before the connection failed, and may have worked on it."""
    return type(error.__cause__).__name__ not in ("ConnectError", "ConnectTimeout", "UnsupportedProtocol")


def _cause(error: Exception) -> str:
    cause = error.__cause__ or error
    return _without_key(f"{type(cause).__name__}: {cause}".rstrip(": "))


def _without_key(text: str) -> str:
    return text.replace(api_key(), "***") if api_key() else text
