"""What is asked of a language model's endpoint, and what comes back."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

from etude_gym.errors import check_name
from etude_gym.measure.compute import LINES

KEY_VARIABLES = ("ETUDE_API_KEY", "OPENAI_API_KEY")
"""Environment variables that may hold the endpoint's key; the first that is set counts."""
TOKENIZERS = ("", "characters")
"""How tokens are counted where the endpoint doesn't: not at all, or as four characters each."""


@dataclass(frozen=True)
class Endpoint:
    """An endpoint and how it is asked. The key is read from the environment and kept nowhere.

    Args:
        base_url: address of the OpenAI-compatible API ("http://127.0.0.1:8080/v1"); one without a version
            in its path is given "/v1".
        model: name of the model, as the endpoint lists it.
        concurrency: requests under way at once.
        max_tokens: tokens of a reply, at most.
        temperature: of sampling; 0 is greedy.
        deadline: seconds for one request in all, with everything that is tried again.
        timeout: seconds for one attempt; waiting for a free slot of the server is part of it, so
            ``concurrency`` should not be far above what the server works on at once.
        json_schema: whether the endpoint is asked to enforce the schemas that requests carry.
        tokenizer: how tokens are counted where the endpoint reports no usage; one of ``TOKENIZERS``.

    Raises:
        ValueError: for a setting that is not allowed.
    """

    base_url: str
    model: str
    concurrency: int = 4
    max_tokens: int = 2048
    temperature: float = 0.0
    deadline: float = 600.0
    timeout: float = 120.0
    json_schema: bool = False
    tokenizer: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "base_url", _checked_url(self.base_url))
        if not self.model.strip():
            raise ValueError("The endpoint's model needs a name. GET /v1/models of the endpoint lists them.")
        for name in ("concurrency", "max_tokens"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)!r}.")
        for name in ("deadline", "timeout"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be a positive number of seconds, got {getattr(self, name)!r}.")
        if not 0 <= self.temperature < math.inf:
            raise ValueError(f"temperature must be finite and not negative, got {self.temperature!r}.")
        check_name("tokenizer", self.tokenizer, TOKENIZERS)

    def settings(self, request: Request) -> dict[str, Any]:
        """The body of a request, all that the reply depends on: limits on time and address are no part of it.

        Args:
            request: what is asked.
        """
        settings: dict[str, Any] = {
            "model": self.model,
            "messages": [dict(message) for message in request.messages],
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
        }
        if self.json_schema and request.schema is not None:
            schema = {"name": "reply", "schema": request.schema, "strict": True}
            settings["response_format"] = {"type": "json_schema", "json_schema": schema}
        return settings

    def digest(self, request: Request) -> str:
        """A fingerprint of a request's messages and settings.

        Args:
            request: what is asked.
        """
        return hashlib.sha256(json.dumps(self.settings(request), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Request:
    """One question.

    Args:
        id: what it is for ("rollout/KEY/turn"), unique within a run.
        line: of the compute ledger: "rollout", "update" or "evaluation".
        messages: of the conversation so far, each with "role" and "content".
        schema: JSON schema of the reply, for endpoints that are asked to enforce one.

    Raises:
        ValueError: for a line of the ledger that requests are not booked on.
    """

    id: str
    line: str
    messages: tuple[dict[str, str], ...]
    schema: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        check_name("line of the compute ledger", self.line, [line for line in LINES if line != "repeated"])

    @property
    def characters(self) -> int:
        """How long the messages are in all."""
        return sum(len(message["content"]) for message in self.messages)


@dataclass(frozen=True)
class Usage:
    """Tokens of one call.

    Args:
        tokens_in: of the messages, those from the server's cache included.
        tokens_out: of the reply, its reasoning included.
        tokens_cached: of the messages, those that the server had read before.
    """

    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0

    def as_dict(self) -> dict[str, int]:
        """By unit of the ledger."""
        return asdict(self)


@dataclass(frozen=True)
class Answer:
    """What became of a request.

    Args:
        text: of the reply, without reasoning; empty where there is none.
        cut: whether the reply was stopped by ``max_tokens``.
        usage: tokens of the call that was answered.
        seconds: that the call took.
        failure: why there is no reply, and the task is ungraded; "" where there is one.
        too_long: whether the messages don't fit the model's context, so that a shorter memory has to do.
    """

    text: str
    cut: bool
    usage: Usage
    seconds: float
    failure: str = ""
    too_long: bool = False


def api_key() -> str:
    """The endpoint's key from the environment; "" where there is none, as local servers need none."""
    keys = (os.environ.get(name, "").strip() for name in KEY_VARIABLES)
    return next((key for key in keys if key), "")


def _checked_url(url: str) -> str:
    example = "Give an address such as http://127.0.0.1:8080/v1."
    try:
        parts = urlsplit(url.strip())
        _ = parts.port
    except ValueError as error:
        raise ValueError(f"The endpoint's address is none: {error}. {example}") from None
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError(
            "The endpoint's address must hold no user, password, query or fragment. A key belongs into the "
            f"environment variable {' or '.join(KEY_VARIABLES)}. {example}"
        )
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"The endpoint's address must be http:// or https://, not {url!r}. {example}")
    path = parts.path.rstrip("/").removesuffix("/chat/completions")
    if not re.search(r"/v\d", path):
        path += "/v1"
    return f"{parts.scheme}://{parts.netloc}{path}"
