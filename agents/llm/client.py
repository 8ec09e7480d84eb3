"""Ask an endpoint many requests at once, again where it fails in passing, never again what was answered."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from etude_gym.agents.llm.attempts import EndpointRefuses, Failure, Reply, attempt, connect, get, models
from etude_gym.agents.llm.calls import CHARACTERS_PER_TOKEN, Calls
from etude_gym.agents.llm.endpoint import Answer, Endpoint, Request, Usage

if TYPE_CHECKING:
    import openai

T = TypeVar("T")

UNGRADED_SHARE, UNGRADED_LEAST = 0.05, 3
"""The run stops when more than this share of the requests, and at least so many, end without an answer."""
LONGEST_WAIT = 60.0
"""Seconds between two attempts, at most, unless the endpoint asks for more."""


class EndpointFailing(RuntimeError):
    """Too many requests ended without an answer: what goes on would measure the endpoint, not the model."""


@dataclass
class Counts:
    """What a client has done so far, for a progress bar.

    Args:
        asked: requests that it was given, those aside that the record answered.
        answered: of them, those that were answered, refusals for their length included.
        retried: attempts after the first.
        ungraded: requests that were given up.
        read_back: requests that the record answered.
        tokens: in and out, of answers.
    """

    asked: int = 0
    answered: int = 0
    retried: int = 0
    ungraded: int = 0
    read_back: int = 0
    tokens: int = 0


def exponential_backoff() -> Iterator[float]:
    """Seconds to wait before the second attempt, the third and so on: about 1, 2, 4, up to a minute."""
    wait = 1.0
    while True:
        yield random.uniform(0.5, 1.0) * wait
        wait = min(2 * wait, LONGEST_WAIT)


class Client:
    """A synchronous front of an asynchronous client with a record.

    Args:
        endpoint: what to ask and how.
        calls: the run's record; what it holds an outcome of is not asked again.
        waits: makes the seconds to wait before each further attempt of one request; when they end, so do the
            attempts, as they do at the endpoint's deadline.

    Attributes:
        counts: what has been done so far, while requests are under way too.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        calls: Calls,
        *,
        waits: Callable[[], Iterator[float]] = exponential_backoff,
    ) -> None:
        self.endpoint, self.calls, self.counts = endpoint, calls, Counts()
        self._waits = waits
        self._limit = "max_tokens"
        self._reached = False

    def ask(
        self, requests: Sequence[Request], on_progress: Callable[[Counts], None] = lambda counts: None
    ) -> list[Answer]:
        """Ask requests, several at once.

        Args:
            requests: with different ids.
            on_progress: told the counts whenever they change.

        Returns:
            An answer to each, in their order.

        Raises:
            EndpointRefuses: if the endpoint answers no request as things are.
            EndpointFailing: if too many requests ended without an answer. The run can be resumed: those of
                this call are asked again then.
            ValueError: for an id that occurs twice.
        """
        if len({request.id for request in requests}) < len(requests):
            raise ValueError("Requests need different ids: an answer is found again by its request's id.")
        digests = [self.endpoint.digest(request) for request in requests]
        fresh = [
            (request, digest)
            for request, digest in zip(requests, digests, strict=True)
            if self.calls.outcome(request.id, digest) is None
        ]
        self.counts.read_back += len(requests) - len(fresh)
        self.counts.asked += len(fresh)
        failures = _run(self._ask_all(fresh, on_progress)) if fresh else []
        for (request, digest), failure in zip(fresh, failures, strict=True):
            if failure:
                self.calls.ungraded(request, digest, failure)
        return [
            _answer(self.calls.outcome(request.id, digest) or {})
            for request, digest in zip(requests, digests, strict=True)
        ]

    def context_length(self) -> int | None:
        """Tokens that messages and reply may have together; None if the endpoint does not tell.

        Asked once in a record.

        Raises:
            EndpointRefuses: if nothing listens there, or the key is refused.
        """
        if self.calls.context is None:
            self.calls.context_length(_run(self._context_length()))
        assert self.calls.context is not None
        return None if (tokens := self.calls.context["tokens"]) is None else int(tokens)

    async def _context_length(self) -> int | None:
        async with connect(self.endpoint) as server:
            for model in await models(server):
                if model.get("id") == self.endpoint.model:
                    length = model.get("max_model_len") or model.get("context_length")
                    if isinstance(length, int):
                        return length
            root = urlsplit(self.endpoint.base_url)
            properties = await get(server, f"{root.scheme}://{root.netloc}/props")
        try:
            return int(properties["default_generation_settings"]["n_ctx"])
        except (KeyError, TypeError, ValueError):
            return None

    async def _ask_all(
        self, requests: Sequence[tuple[Request, str]], on_progress: Callable[[Counts], None]
    ) -> list[str]:
        """Ask everything; return why each request has no answer, "" for those that have one."""
        failures = [""] * len(requests)
        waiting = iter(enumerate(requests))
        async with connect(self.endpoint) as server:
            if not self._reached:
                await models(server)  # nothing listens, or the key is refused: said before anything is asked
                self._reached = True

            async def work() -> None:
                for place, (request, digest) in waiting:
                    failures[place] = await self._ask(server, request, digest, on_progress)
                    self.counts.answered += not failures[place]
                    self.counts.ungraded += bool(failures[place])
                    on_progress(self.counts)
                    self._check_share(failures[place])

            await _all(work() for _ in range(self.endpoint.concurrency))
        return failures

    async def _ask(
        self,
        server: openai.AsyncOpenAI,
        request: Request,
        digest: str,
        on_progress: Callable[[Counts], None],
    ) -> str:
        """Ask one request until it is answered; return why it is not, or ""."""
        end = time.monotonic() + self.endpoint.deadline
        waits = self._waits()
        for number in itertools.count(1):
            seconds = min(max(0.0, end - time.monotonic()), self.endpoint.timeout)
            failure = await self._attempt(server, request, digest, number, seconds)
            if failure is None or failure.too_long:
                return ""
            if failure.other_limit:
                self._limit = "max_completion_tokens"
            wait = next(waits, None)
            if wait is not None and failure.retry_after is not None:
                wait = failure.retry_after + min(wait, 1.0)
            if wait is None or time.monotonic() + wait >= end:
                return f"{failure.reason}, after {number} attempt{'s' * (number > 1)}"
            await asyncio.sleep(wait)
            self.counts.retried += 1
            on_progress(self.counts)
        raise AssertionError("never reached")

    async def _attempt(
        self, server: openai.AsyncOpenAI, request: Request, digest: str, number: int, seconds: float
    ) -> Failure | None:
        """One attempt, recorded before and after; the failure, if it is one."""
        sent = self.calls.sent(request, digest, number, self.endpoint.max_tokens)
        settings = self.endpoint.settings(request)
        settings[self._limit] = settings.pop("max_tokens")
        start = time.monotonic()
        try:
            outcome = await attempt(server, settings, seconds)
        except EndpointRefuses as error:
            self.calls.failed(sent, "failed", Usage(), reason=str(error), seconds=time.monotonic() - start)
            raise
        except asyncio.CancelledError:
            self.calls.failed(sent, "lost", None, reason="stopped", seconds=time.monotonic() - start)
            raise
        took = time.monotonic() - start
        if isinstance(outcome, Reply):
            self._book(sent, request, outcome, took)
            return None
        event = "too_long" if outcome.too_long else "failed"
        self.calls.failed(
            sent, event, outcome.usage, status=outcome.status, reason=outcome.reason, seconds=took
        )
        return outcome

    def _book(self, sent: dict[str, Any], request: Request, reply: Reply, seconds: float) -> None:
        details: dict[str, Any] = {"text": reply.text, "finish_reason": reply.finish_reason}
        usage = reply.usage
        if usage is None:
            if self.endpoint.tokenizer != "characters":
                self.calls.failed(sent, "failed", None, status=200, reason="no usage", seconds=seconds)
                raise EndpointRefuses(
                    "The endpoint reports no usage, so its tokens cannot be booked. Use a server that "
                    "reports it, or have tokens estimated from the length of texts: --tokenizer characters."
                )
            lengths = request.characters, len(reply.text)
            usage = Usage(*(round(length / CHARACTERS_PER_TOKEN) for length in lengths))
            details["estimated"] = True
        self.calls.answered(sent, usage, **details, seconds=seconds)
        self.counts.tokens += usage.tokens_in + usage.tokens_out

    def _check_share(self, failure: str) -> None:
        counts = self.counts
        if counts.ungraded >= UNGRADED_LEAST and counts.ungraded > UNGRADED_SHARE * counts.asked:
            raise EndpointFailing(
                f"{counts.ungraded} of {counts.asked} requests ended without an answer, {counts.answered} "
                f"were answered; at most {UNGRADED_SHARE:.0%} may. The last: {failure}. See what ails "
                "the endpoint, then resume the run: answers are kept."
            )


def _answer(outcome: dict[str, Any]) -> Answer:
    if outcome["event"] == "answered":
        cut = outcome["finish_reason"] == "length"
        return Answer(outcome["text"], cut, Usage(**outcome["usage"]), outcome["seconds"])
    too_long = outcome["event"] == "too_long"
    return Answer("", False, Usage(), outcome.get("seconds", 0.0), outcome["reason"], too_long)


def _run(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine, also where a loop is running already, as in notebooks."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(asyncio.run, coroutine).result()


async def _all(coroutines: Iterator[Coroutine[Any, Any, None]]) -> None:
    """Wait for all; when one raises, the others are stopped before it does."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
