"""An automated rubric for ideas in free text: how original would people find them?

Expected rating = level + weights * features, fitted by ridge regression (Hoerl and Kennard 1970) to people's
ratings of alternative uses. One set of weights is shared by all prompts; objects with a rated panel have a
second one on top, on the embedding alone, for what is ordinary there. ``scripts/ideas_rubric.py`` fits both
and measures what they are worth.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etude_gym.envs.creative.ideas.embeddings import DIMENSIONS, SentenceEmbedder, Vectors, load_embedder
from etude_gym.envs.creative.ideas.gates import MOST_CHARACTERS, REASONS, refusals, words_of
from etude_gym.envs.creative.ideas.prompts import OpenPrompt, open_prompts
from etude_gym.errors import check_name

COEFFICIENTS = Path(__file__).with_name("coefficients.json")
MOST_READ = 10 * MOST_CHARACTERS
"""Characters of a reply; longer ones are refused for their length, so the rest is not read."""
NEAREST = 5
"""Ordinary answers whose mean nearness counts."""
FEATURES = DIMENSIONS + 6
LOWEST, HIGHEST = 1, 5
"""Of the ratings that the coefficients were fitted to."""


@dataclass(frozen=True)
class IdeaScore:
    """What the rubric says of one reply.

    Attributes:
        score: 0 for a reply that is refused or no more original than the median answer of people, 1 from
            their 95th percentile on.
        rating: the mean rating expected from people, 1 to 5. Where its zero lies differs from panel to panel.
        refused: why the reply is refused, in words; None if it is not.
    """

    score: float
    rating: float
    refused: str | None


@dataclass(frozen=True)
class Scale:
    """Weights, and which expected ratings of people's answers count as ordinary and as original.

    Attributes:
        weights: of the features, shape (features,).
        level: expected rating where all features are 0.
        ordinary: median expected rating of people's answers.
        original: 95th percentile of the same.
    """

    weights: NDArray[np.float64]
    level: float
    ordinary: float
    original: float


class IdeaRubric:
    """The rubric with the coefficients that are shipped.

    Args:
        coefficients: as ``scripts/ideas_rubric.py`` writes them.
        embedder: of sentences.
    """

    def __init__(self, coefficients: dict[str, Any], embedder: SentenceEmbedder) -> None:
        self.embedder = embedder
        self.least_nearness = float(coefficients["least_nearness"])
        self.shared = _scale(coefficients["shared"])
        self.objects = {name: _scale(entry) for name, entry in coefficients["objects"].items()}

    def features(self, prompt: OpenPrompt, texts: Sequence[str], vectors: Vectors) -> NDArray[np.float64]:
        """What ratings are predicted from.

        Args:
            prompt: that the texts answer.
            texts: the replies.
            vectors: their embeddings.

        Returns:
            float64 of shape (texts, ``FEATURES``): the embedding; logarithms of the numbers of words and of
            characters; distance (1 - cosine) from the subject of the prompt, the nearest ordinary answer, the
            nearest ``NEAREST`` and all of them.
        """
        ordinary = self._embedded(prompt.ordinary)
        near = np.sort(vectors @ ordinary.T, axis=1)[:, ::-1]
        return np.column_stack(
            [
                vectors,
                np.log1p([len(words_of(text)) for text in texts]),
                np.log1p([len(text) for text in texts]),
                1 - vectors @ self._embedded((prompt.subject,))[0],
                1 - near[:, 0],
                1 - near[:, :NEAREST].mean(axis=1),
                1 - near.mean(axis=1),
            ]
        ).astype(np.float64)

    def ratings(self, prompt: OpenPrompt, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean ratings expected from people, shape (replies,).

        Args:
            prompt: that the replies answer.
            features: of the replies.
        """
        expected = self.shared.level + features @ self.shared.weights
        if prompt.name in self.objects:
            own = self.objects[prompt.name]
            expected = expected + own.level + features[:, :DIMENSIONS] @ own.weights
        return np.asarray(np.clip(expected, LOWEST, HIGHEST), dtype=np.float64)

    def refusals(self, prompt: OpenPrompt, text: str, features: NDArray[np.float64]) -> dict[str, bool]:
        """Whether each gate refuses a reply.

        Args:
            prompt: that the reply answers.
            text: the reply.
            features: of the reply, shape (``FEATURES``,).
        """
        nearness = 1 - float(features[DIMENSIONS + 4])
        return refusals(text, prompt.subject, nearness, self.least_nearness, self.embedder.pieces_per_word)

    def scores(self, prompt: OpenPrompt, ratings: NDArray[np.float64]) -> NDArray[np.float64]:
        """Expected ratings as scores in [0, 1], relative to people's answers; gates are not asked.

        Args:
            prompt: that the replies answer.
            ratings: expected ones.
        """
        scale = self.objects.get(prompt.name, self.shared)
        return np.clip((ratings - scale.ordinary) / (scale.original - scale.ordinary), 0, 1)

    def judge(self, prompt: OpenPrompt, replies: Sequence[str]) -> list[IdeaScore]:
        """Judge replies to one prompt, each by itself.

        Args:
            prompt: that they answer.
            replies: any texts; nothing in them raises.
        """
        if not replies:
            return []
        texts = [text[:MOST_READ] for text in replies]
        features = self.features(prompt, texts, self.embedder.embed(texts))
        ratings = self.ratings(prompt, features)
        judged = []
        for text, row, rating, score in zip(
            replies, features, ratings, self.scores(prompt, ratings), strict=True
        ):
            gates = self.refusals(prompt, text, row)
            reason = next((REASONS[gate] for gate in REASONS if gates[gate]), None)
            judged.append(IdeaScore(0.0 if reason else float(score), float(rating), reason))
        return judged

    def _embedded(self, texts: tuple[str, ...]) -> Vectors:
        return _embedded(self.embedder, texts)


@functools.cache
def load_rubric() -> IdeaRubric:
    """The rubric, loaded once.

    Raises:
        MissingExtra: if the extra ``creative`` is not installed.
        MissingWeights: if the package with the weights of the embedding model is not installed.
    """
    return IdeaRubric(json.loads(COEFFICIENTS.read_text(encoding="utf-8")), load_embedder())


def rated_objects() -> tuple[str, ...]:
    """Objects that people's answers were rated for: only there the rubric is known to agree with people."""
    return tuple(json.loads(COEFFICIENTS.read_text(encoding="utf-8"))["objects"])


def score_ideas(prompt: str, replies: Sequence[str]) -> list[IdeaScore]:
    """Score replies to an open prompt, each by itself: a supplement, no part of Practice Efficiency.

    Args:
        prompt: name of an open prompt ("brick").
        replies: one idea each, in any text; nothing in them raises.

    Raises:
        ValueError: if there is no such prompt.
        TypeError: if ``replies`` is one text, or holds what is no text.
        MissingExtra: if the extra ``creative`` is not installed.
        MissingWeights: if the package with the weights of the embedding model is not installed.
    """
    prompts = {each.name: each for each in open_prompts()}
    check_name("open prompt", prompt, prompts)
    if isinstance(replies, str) or not all(isinstance(reply, str) for reply in replies):
        raise TypeError("replies is a list of texts, one idea each.")
    return load_rubric().judge(prompts[prompt], list(replies))


@functools.cache
def _embedded(embedder: SentenceEmbedder, texts: tuple[str, ...]) -> Vectors:
    return embedder.embed(texts)


def _scale(entry: dict[str, Any]) -> Scale:
    weights = np.array(entry["weights"], dtype=np.float64)
    level, ordinary, original = (float(entry[name]) for name in ("level", "ordinary", "original"))
    return Scale(weights, level, ordinary, original)
