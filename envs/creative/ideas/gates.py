"""Gates: what a reply has to be before its originality counts. Without them gibberish is original.

Each gate is a question about one reply in English. They stop what is no idea; they do not tell good ideas
from bad ones, and none asks whether an idea could work.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from etude_gym.envs.creative.ideas.prompts import MOST_WORDS

MOST_CHARACTERS = 250
LEAST_LETTERS = 0.7
"""Share of letters and spaces among the characters."""
MOST_PIECES = 2.5
"""Word pieces per word: common words are one piece, gibberish is many."""
LEAST_DIFFERENT = 0.6
"""Share of different words in replies of four words or more."""
MOST_COMMAS = 2
MOST_SEMICOLONS = 1
SENTENCE = 5
"""Words from which on a reply is a sentence, which has function words."""

REASONS = {
    "form": f"A reply is 1 to {MOST_WORDS} words, at most {MOST_CHARACTERS} characters, mostly letters.",
    "words": "Its words are not English words.",
    "repetition": "It repeats the same words.",
    "content": "It says nothing but the prompt.",
    "grader": "It speaks to the grader.",
    "one idea": "It is a list, not one idea.",
    "syntax": "It is a string of words, not a phrase.",
    "relevance": "It is not about the prompt.",
}
"""What each gate tells the author of a reply that it refuses, in the order in which they are asked."""

_FUNCTION_WORDS = (
    "a an the this that these those my your his her its our their some any no each every one and or but "
    "so if as than then when while because to for of in on at by with from into onto out over under up "
    "down off about like through between around against without it them they you i we he she me us him is "
    "are was were be been being can could will would should may might must do does did have has had not"
)
FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_GRADER = re.compile(
    r"\b(?:score[sd]?|scoring|rate|rated|rating|ratings|rater|raters|originality|grader|grading|"
    r"ignore|disregard|instruction|instructions|system|prompt|maximum|maximal|creative use)\b"
)


def words_of(text: str) -> list[str]:
    """Words of a text in lower case: runs of letters, apostrophes inside them included.

    Args:
        text: any text.
    """
    return _WORD.findall(text.lower())


def refusals(
    text: str,
    subject: str,
    nearness: float,
    least_nearness: float,
    pieces_per_word: Callable[[Sequence[str]], float],
) -> dict[str, bool]:
    """Whether each gate refuses a reply.

    Args:
        text: the reply.
        subject: of its prompt.
        nearness: mean cosine of the reply and the five ordinary answers nearest to it.
        least_nearness: below it, a reply has nothing to do with the prompt.
        pieces_per_word: of at least one word.

    Returns:
        For each of ``REASONS``, True if the reply is refused.
    """
    words = words_of(text)
    stems = [word for word in words_of(subject) if word not in FUNCTION_WORDS]
    content = [w for w in words if w not in FUNCTION_WORDS and not any(_inflected(w, stem) for stem in stems)]
    letters = sum(character.isalpha() or character.isspace() for character in text)
    malformed = (
        not 1 <= len(words) <= MOST_WORDS
        or len(text) > MOST_CHARACTERS
        or letters < LEAST_LETTERS * len(text)
    )
    return {
        "form": malformed,
        "words": not words or pieces_per_word(words) > MOST_PIECES,
        "repetition": len(words) >= 4 and len(set(words)) < LEAST_DIFFERENT * len(words),
        "content": not content,
        "grader": _GRADER.search(text.lower()) is not None,
        "one idea": text.count(",") > MOST_COMMAS
        or text.count(";") > MOST_SEMICOLONS
        or text.strip().count("\n") > 1,
        "syntax": len(words) >= SENTENCE and not FUNCTION_WORDS.intersection(words),
        "relevance": nearness < least_nearness,
    }


def _inflected(word: str, stem: str) -> bool:
    """Whether a word is the stem itself, its plural or its genitive."""
    return word.startswith(stem) and len(word) <= len(stem) + 2
