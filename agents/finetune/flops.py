"""What a causal transformer computes, by formula.

A token costs 2 FLOPs for each weight it meets (multiply-add = 2): those of the layers, and those of the
output head where the next token is predicted from it; looking up an embedding costs nothing. Attention adds
4 x layers x width for each pair of a token and one it looks at; a prompt read at once counts all pairs of
it, as kernels without a causal shortcut compute them (Kaplan et al. 2020, table 1, the head counted apart).
A backward pass costs twice the forward pass, less the gradients of weights that are not trained. So training
costs 6 N per token for N weights; where they are frozen, 4 N, and 6 for each weight of an adapter. Padding is
not counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class TransformerFlops:
    """FLOPs of a decoder.

    Attributes:
        body: weights of the layers, without embeddings and head, adapters included.
        head: weights of the output head.
        frozen_body: those weights of the body that are not trained.
        frozen_head: those weights of the head that are not trained.
        attention: FLOPs of attention for each pair of tokens.
    """

    body: int
    head: int
    frozen_body: int
    frozen_head: int
    attention: int

    @classmethod
    def of(cls, network: Any) -> TransformerFlops:
        """Those of a causal language model of transformers, as it stands.

        Args:
            network: the model, adapters injected.
        """
        config, head = network.config, network.get_output_embeddings().weight
        tables = {id(network.get_input_embeddings().weight), id(head)}
        body = [weight for weight in network.parameters() if id(weight) not in tables]
        head_width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        return cls(
            body=sum(weight.numel() for weight in body),
            head=head.numel(),
            frozen_body=sum(weight.numel() for weight in body if not weight.requires_grad),
            frozen_head=0 if head.requires_grad else head.numel(),
            attention=4 * config.num_hidden_layers * config.num_attention_heads * head_width,
        )

    def forward(self, tokens: int, predicted: int, pairs: int) -> int:
        """FLOPs of reading tokens.

        Args:
            tokens: tokens that go through the layers.
            predicted: tokens that go through the output head as well.
            pairs: pairs of a token and one that it may look at.
        """
        return 2 * self.body * tokens + 2 * self.head * predicted + self.attention * pairs

    def training(self, tokens: int, predicted: int, pairs: int) -> int:
        """FLOPs of a forward and a backward pass; see ``forward``."""
        spared = 2 * self.frozen_body * tokens + 2 * self.frozen_head * predicted
        return 3 * self.forward(tokens, predicted, pairs) - spared
