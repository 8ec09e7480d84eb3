"""The reference network of concepts and what holds them: it points at items and at groups of items.

Items and concepts exchange messages in rounds, as in a graph network: a concept adds up what the items that
hold it tell, an item adds up what its concepts tell. So an item learns of the others that share its concepts,
whatever their order, and what it learns of a concept holds for every item.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from etude_gym.agents.networks.clauses import items_of
from etude_gym.tasks.observation_layout import ConceptLayout, Holders

ROUNDS = 2


def holding(numbers: Tensor, concepts: int, kinds: int) -> Tensor:
    """Which concepts each item holds, or concepts of which kinds.

    Args:
        numbers: concepts of the items as ``Holders`` says, (batch, items, slots).
        concepts: number of concepts.
        kinds: number of kinds.

    Returns:
        float32 tensor of 0 and 1, shape (batch, items, concepts + kinds).
    """
    known = (numbers * concepts).round().long()
    unknown = (-numbers * kinds).round().long()
    # Place 0 is for nothing; kinds follow the concepts.
    place = torch.where(numbers < 0, concepts + unknown, known)
    held = torch.zeros(*numbers.shape[:2], concepts + kinds + 1, device=numbers.device)
    return held.scatter_(2, place, 1.0)[:, :, 1:]


class _Round(nn.Module):
    """Messages from all items to the concepts, and back.

    Args:
        layout: of the observation.
        width: features of items and concepts; a message has half as many.
    """

    def __init__(self, layout: ConceptLayout, width: int) -> None:
        super().__init__()
        holders = (layout.pointed, *layout.others)
        self.groups = [each.group for each in holders]
        message = width // 2
        self.told = nn.ModuleList([nn.Linear(width, message) for _ in holders])
        self.concepts = nn.Linear(layout.concepts.features + message * len(holders), width)
        self.names = nn.Parameter(0.3 * torch.randn(layout.concepts.items + layout.kinds, width))
        self.heard = nn.ModuleList([nn.Linear(width, message) for _ in holders])
        self.items = nn.ModuleList([nn.Linear(2 * width + message, width) for _ in holders])

    def forward(self, features: Tensor, held: list[Tensor], items: list[Tensor]) -> list[Tensor]:
        """The items after the round.

        Args:
            features: of the concepts, zeros for kinds, (batch, concepts + kinds, features).
            held: for each set of items, (batch, items, concepts + kinds).
            items: for each set, (batch, items, width).

        Returns:
            For each set, (batch, items, width).
        """
        told = [
            each.transpose(1, 2) @ layer(x) for each, layer, x in zip(held, self.told, items, strict=True)
        ]
        concepts = torch.relu(self.concepts(torch.cat([features, *told], dim=2)) + self.names)
        after = []
        for i, x in enumerate(items):
            group = x.unflatten(1, (-1, self.groups[i])).amax(dim=2).repeat_interleave(self.groups[i], dim=1)
            heard = held[i] @ self.heard[i](concepts)
            after.append(torch.relu(self.items[i](torch.cat([x, group, heard], dim=2))))
        return after


class ConceptNetwork(nn.Module):
    """Scores items and groups of items by shared networks, given the whole state.

    Args:
        layout: where things stand in the observation.
        width: features of an item.
    """

    def __init__(self, layout: ConceptLayout, width: int = 32) -> None:
        super().__init__()
        self.layout = layout
        self.holders: tuple[Holders, ...] = (layout.pointed, *layout.others)
        # And a constant: an item may have no features but what it holds.
        sizes = [each.items.features - each.slots + 1 for each in self.holders]
        sizes[0] += layout.groups.features
        self.items_in = nn.ModuleList([nn.Linear(size, width) for size in sizes])
        self.rounds = nn.ModuleList([_Round(layout, width) for _ in range(ROUNDS)])
        self.summary = nn.Linear(layout.num_globals + 2 * width * len(self.holders), 2 * width)
        self.item_context = nn.Linear(2 * width, width)
        self.item_out = nn.Linear(width, 1)
        self.group_in = nn.Linear(width + layout.groups.features, width)
        self.group_context = nn.Linear(2 * width, width)
        self.group_out = nn.Linear(width, 1)
        self.other_hidden = nn.Linear(2 * width, width)
        self.other_out = nn.Linear(width, layout.num_actions - layout.groups.stop_action)
        self.value_hidden = nn.Linear(2 * width, width)
        self.latent_dim_pi = layout.num_actions
        self.latent_dim_vf = width

    def prefer_items(self) -> None:
        """Make the initial policy nearly uniform over what is legal."""
        for head in (self.item_out, self.group_out, self.other_out):
            nn.init.orthogonal_(head.weight, gain=0.01)
            nn.init.zeros_(head.bias)

    def forward(self, observation: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of all actions, and the features from which the value is computed.

        Args:
            observation: float32 (batch, size).

        Returns:
            Two float32 tensors, (batch, actions) and (batch, width).
        """
        items, summary = self._read(observation)
        return self._logits(observation, items, summary), torch.relu(self.value_hidden(summary))

    def forward_actor(self, observation: Tensor) -> Tensor:
        """Logits of all actions.

        Args:
            observation: float32 (batch, size).

        Returns:
            float32 tensor of shape (batch, actions).
        """
        return self._logits(observation, *self._read(observation))

    def forward_critic(self, observation: Tensor) -> Tensor:
        """Features from which the value is computed.

        Args:
            observation: float32 (batch, size).

        Returns:
            float32 tensor of shape (batch, width).
        """
        return torch.relu(self.value_hidden(self._read(observation)[1]))

    def _read(self, observation: Tensor) -> tuple[Tensor, Tensor]:
        """The items at which actions point, (batch, items, width), and a summary, (batch, 2 * width)."""
        layout = self.layout
        features = nn.functional.pad(items_of(observation, layout.concepts), (0, 0, 0, layout.kinds))
        groups = items_of(observation, layout.groups).repeat_interleave(layout.pointed.group, dim=1)
        shown = [items_of(observation, each.items) for each in self.holders]
        held = [
            holding(x[:, :, : each.slots], layout.concepts.items, layout.kinds)
            for x, each in zip(shown, self.holders, strict=True)
        ]
        inputs = [x[:, :, each.slots :] for x, each in zip(shown, self.holders, strict=True)]
        inputs[0] = torch.cat([inputs[0], groups], dim=2)
        inputs = [nn.functional.pad(x, (0, 1), value=1.0) for x in inputs]
        items = [torch.relu(layer(x)) for layer, x in zip(self.items_in, inputs, strict=True)]
        for exchange in self.rounds:
            items = exchange(features, held, items)
        pooled = [pool for x in items for pool in (x.mean(1), x.amax(1))]
        state = observation[:, : layout.num_globals]
        return items[0], torch.relu(self.summary(torch.cat([state, *pooled], dim=1)))

    def _logits(self, observation: Tensor, items: Tensor, summary: Tensor) -> Tensor:
        groups = items.unflatten(1, (-1, self.layout.pointed.group)).amax(dim=2)
        groups = self.group_in(torch.cat([groups, items_of(observation, self.layout.groups)], dim=2))
        groups = torch.relu(groups + self.group_context(summary)[:, None])
        items = torch.relu(items + self.item_context(summary)[:, None])
        others = self.other_out(torch.relu(self.other_hidden(summary)))
        return torch.cat([self.item_out(items)[:, :, 0], self.group_out(groups)[:, :, 0], others], dim=1)
