"""From tasks and replies to tokens, and back."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Iterable
from typing import Any, Protocol

from jinja2.exceptions import TemplateError

from etude_gym.environment.text_task import TextTask, draw_tasks
from etude_gym.tasks.domain import Domain

SAMPLE_TASKS = 512
"""Probe tasks from which the words of a vocabulary are taken."""
MOST_WORDS = 4000
"""Words in a vocabulary, at most."""
WORD = re.compile(r"\w+|[^\w\s] ?|\n *|\s")
IMPLICIT_SPACE = re.compile(r"(?<=\w) (?=\w)")
GLUE = "##"
"""Marks a piece that goes on with the word before it."""
REPLY, END = "<reply>", "<end>"


class Codec(Protocol):
    """How a model reads a task and writes a reply.

    Attributes:
        end: the token that ends a reply.
    """

    end: int

    def prompt(self, task: TextTask) -> list[int]:
        """Tokens of the present prompt of a task, up to where the reply begins."""

    def encode(self, reply: str) -> list[int]:
        """Tokens of a reply, its end included."""

    def decode(self, tokens: Iterable[int]) -> str:
        """The reply that tokens stand for, without its end."""


class ChatCodec:
    """The tokenizer of a pretrained model, with its chat template where it has one.

    Args:
        tokenizer: of transformers.
        rules: whether prompts hold the rules and the format, as the system message; else the task alone is
            shown, for models that pick up the rest by training.

    Attributes:
        tokenizer: as given.
    """

    def __init__(self, tokenizer: Any, rules: bool) -> None:
        if tokenizer.eos_token_id is None:
            raise ValueError("The tokenizer has no token that ends a text (eos_token): replies need one.")
        self.tokenizer, self._rules = tokenizer, rules
        self.end = int(tokenizer.eos_token_id)

    def prompt(self, task: TextTask) -> list[int]:
        parts = task.parts
        text = parts.text if self._rules else parts.task
        if not self.tokenizer.chat_template:
            return list(self.tokenizer.encode(f"{text}\nReply:\n"))
        if not self._rules:
            return self._chat([{"role": "user", "content": text}])
        system, user = {"role": "system", "content": parts.system}, {"role": "user", "content": parts.task}
        try:
            return self._chat([system, user])
        except TemplateError:  # some templates know no system message
            return self._chat([{"role": "user", "content": text}])

    def _chat(self, messages: list[dict[str, str]]) -> list[int]:
        tokens = self.tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, tokenize=True, return_dict=True
        )
        return list(tokens["input_ids"])

    def encode(self, reply: str) -> list[int]:
        return [*self.tokenizer.encode(reply, add_special_tokens=False), self.end]

    def decode(self, tokens: Iterable[int]) -> str:
        return str(self.tokenizer.decode(list(tokens), skip_special_tokens=True))


class WordCodec:
    """Words of a domain as tokens, taken from probe tasks: for models made from scratch.

    Lossless on printable ASCII. A token is a word, a punctuation mark with the space behind it, or a line
    break with the indentation behind it; a single space between two words goes without saying. Words that are
    not in the vocabulary are spelled.

    Args:
        domain: whose words.
        rules: as for ``ChatCodec``.
    """

    def __init__(self, domain: Domain, rules: bool) -> None:
        self._rules = rules
        counts: Counter[str] = Counter()
        for task in draw_tasks(domain, "probe", SAMPLE_TASKS, seed=0):
            counts.update(_words(self._shown(task)))
            counts.update(_words(task.reference()))
        common = sorted((word for word, count in counts.items() if count > 1), key=lambda w: (-counts[w], w))
        spelled = [
            *string.printable,
            *(GLUE + character for character in string.ascii_letters + "_" + string.digits),
        ]
        self._names = list(dict.fromkeys([END, REPLY, *spelled, *common[:MOST_WORDS]]))
        self._numbers = {name: number for number, name in enumerate(self._names)}
        self.end = self._numbers[END]

    def __len__(self) -> int:
        return len(self._names)

    def _shown(self, task: TextTask) -> str:
        return task.prompt if self._rules else task.parts.task

    def prompt(self, task: TextTask) -> list[int]:
        return [*self._tokens(self._shown(task)), self._numbers[REPLY]]

    def encode(self, reply: str) -> list[int]:
        return [*self._tokens(reply), self.end]

    def decode(self, tokens: Iterable[int]) -> str:
        text = ""
        for token in tokens:
            name = self._names[token]
            if name in (END, REPLY):
                continue
            if name.startswith(GLUE) and len(name) > len(GLUE):
                text += name.removeprefix(GLUE)
            elif text and _in_word(text[-1]) and _in_word(name[0]):
                text += f" {name}"
            else:
                text += name
        return text

    def _tokens(self, text: str) -> list[int]:
        shown = "".join(character if character in string.printable else "?" for character in text)
        return [self._numbers[piece] for word in _words(shown) for piece in self._pieces(word)]

    def _pieces(self, word: str) -> list[str]:
        if word in self._numbers:
            return [word]
        return [word[0], *(GLUE + character if _in_word(character) else character for character in word[1:])]


def _in_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _words(text: str) -> list[str]:
    return [word for part in IMPLICIT_SPACE.split(text) for word in WORD.findall(part)]
