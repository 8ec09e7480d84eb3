"""Writes replies: batches of prompts, padded on the left, with a cache of keys and values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import DynamicCache

from etude_gym.agents.finetune.flops import TransformerFlops


@dataclass(frozen=True)
class Batch:
    """Rows of tokens as a model takes them.

    Attributes:
        tokens: int64 (rows, longest), padded on the left.
        mask: 1 where a token is no padding.
    """

    tokens: torch.Tensor
    mask: torch.Tensor

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]], padding: int, device: Any) -> Batch:
        """Rows of different lengths, at least one.

        Args:
            rows: tokens of each row.
            padding: any token.
            device: of the tensors.
        """
        longest = max(map(len, rows))
        tokens = [[padding] * (longest - len(row)) + list(row) for row in rows]
        mask = [[0] * (longest - len(row)) + [1] * len(row) for row in rows]
        return cls(torch.tensor(tokens, device=device), torch.tensor(mask, device=device))

    @property
    def positions(self) -> torch.Tensor:
        """Place of each token in its row."""
        return (self.mask.cumsum(dim=1) - 1).clamp(min=0)


@torch.no_grad()
def write_replies(
    network: Any,
    prompts: Sequence[Sequence[int]],
    *,
    end: int,
    max_tokens: int,
    temperature: float = 0.0,
    random: np.random.Generator | None = None,
) -> list[list[int]]:
    """A reply to each prompt.

    Args:
        network: a causal language model of transformers.
        prompts: tokens of each prompt, at least one.
        end: the token that ends a reply.
        max_tokens: tokens of a reply, at most.
        temperature: by which the logits are divided; 0 takes the most probable token.
        random: draws the tokens where the temperature is not 0: one number for each row and step.

    Returns:
        Tokens of each reply; the last one is ``end`` unless the reply was cut.
    """
    batch = Batch.of(prompts, end, network.device)
    tokens, mask, positions = batch.tokens, batch.mask, batch.positions
    replies: list[list[int]] = [[] for _ in prompts]
    rows = np.arange(len(prompts))  # of those not finished
    cache = DynamicCache(config=network.config)
    for _ in range(max_tokens):
        logits = network(
            input_ids=tokens,
            attention_mask=mask,
            position_ids=positions,
            cache=cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits[:, -1]
        drawn = None if temperature == 0.0 or random is None else random.random(len(prompts))[rows]
        chosen = _choose(logits.float(), temperature, drawn)
        for row, token in zip(rows, chosen.tolist(), strict=True):
            replies[row].append(token)
        left = torch.nonzero(chosen != end)[:, 0]
        if not len(left):
            break
        if len(left) < len(rows):
            cache.batch_select_indices(left)
            rows, mask, positions, chosen = (
                rows[left.cpu().numpy()],
                mask[left],
                positions[left],
                chosen[left],
            )
        tokens, positions = chosen[:, None], positions[:, -1:] + 1
        mask = torch.cat([mask, mask.new_ones(len(rows), 1)], dim=1)
    return replies


def _choose(logits: torch.Tensor, temperature: float, drawn: Any) -> torch.Tensor:
    """One token for each row: the most probable, or the one at a drawn quantile of the distribution."""
    if drawn is None:
        return logits.argmax(dim=1)
    total = torch.softmax(logits.double() / temperature, dim=1).cumsum(dim=1)
    quantiles = torch.as_tensor(drawn, dtype=total.dtype, device=total.device)[:, None] * total[:, -1:]
    return torch.searchsorted(total, quantiles, right=True)[:, 0].clamp(max=logits.shape[1] - 1)


def writing_flops(
    flops: TransformerFlops, prompts: Sequence[Sequence[int]], replies: Sequence[Sequence[int]]
) -> int:
    """FLOPs of ``write_replies``, without padding.

    Args:
        flops: of the network.
        prompts: tokens of each prompt.
        replies: tokens of each reply, at least one; the last of each was not read again.
    """
    total = 0
    for prompt, reply in zip(prompts, replies, strict=True):
        read, written = len(prompt), len(reply) - 1
        pairs = read * read + written * read + written * (written + 1) // 2
        total += flops.forward(read + written, len(reply), pairs)
    return total
