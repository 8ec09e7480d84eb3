"""The spaces of the text interface: prompts and replies."""

from __future__ import annotations

import multiprocessing
import string
from collections.abc import Sequence
from typing import Any, overload

import gymnasium
import numpy as np
from gymnasium.vector.utils import create_shared_memory, read_from_shared_memory, write_to_shared_memory

from etude_gym.tasks.replies import MAX_REPLY_CHARACTERS

MAX_PROMPT_CHARACTERS = 100_000


class ReplySpace(gymnasium.spaces.Text):
    """Replies: text of up to ``MAX_REPLY_CHARACTERS`` characters, whichever they are.

    Samples are drawn from printable ASCII.
    """

    def __init__(self) -> None:
        super().__init__(MAX_REPLY_CHARACTERS, min_length=0, charset=string.printable)

    def contains(self, x: Any) -> bool:
        return isinstance(x, str) and len(x) <= self.max_length

    def __repr__(self) -> str:
        return f"ReplySpace({self.max_length})"


class PromptSpace(gymnasium.spaces.Text):
    """Prompts: printable ASCII of up to ``MAX_PROMPT_CHARACTERS`` characters.

    Worker processes pass prompts on in memory that they share. ``AsyncVectorEnv`` reads it once and expects
    arrays that change with the memory; texts cannot, so that Gymnasium's own text space would never show a
    new one. Reading this space's memory gives a live view; a copy of the view is a tuple of the prompts at
    that moment.
    """

    def __init__(self) -> None:
        super().__init__(MAX_PROMPT_CHARACTERS, charset=string.printable)

    def __repr__(self) -> str:
        return f"PromptSpace({self.max_length})"


class _SharedPrompts(Sequence[str]):
    """The prompts in shared memory: their lengths, and their characters side by side."""

    def __init__(self, memory: tuple[Any, Any], max_length: int) -> None:
        self.lengths = np.frombuffer(memory[0].get_obj(), dtype=np.int64)
        self.characters = np.frombuffer(memory[1].get_obj(), dtype=np.uint8).reshape(-1, max_length)

    def __len__(self) -> int:
        return len(self.lengths)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...
    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        if isinstance(index, slice):
            return tuple(self)[index]
        return self.characters[index, : self.lengths[index]].tobytes().decode("ascii")

    def __deepcopy__(self, memo: dict[int, Any]) -> tuple[str, ...]:
        return tuple(self)

    def write(self, index: int, prompt: str) -> None:
        """Put a prompt into the memory."""
        encoded = np.frombuffer(prompt.encode("ascii"), dtype=np.uint8)
        self.characters[index, : len(encoded)] = encoded
        self.lengths[index] = len(encoded)


@create_shared_memory.register(PromptSpace)
def _create(space: PromptSpace, n: int = 1, ctx: Any = multiprocessing) -> tuple[Any, Any]:
    return ctx.Array("q", n), ctx.Array("B", n * space.max_length)


@read_from_shared_memory.register(PromptSpace)
def _read(space: PromptSpace, shared_memory: tuple[Any, Any], n: int = 1) -> _SharedPrompts:
    return _SharedPrompts(shared_memory, space.max_length)


@write_to_shared_memory.register(PromptSpace)
def _write(space: PromptSpace, index: int, value: str, shared_memory: tuple[Any, Any]) -> None:
    _SharedPrompts(shared_memory, space.max_length).write(index, value)
