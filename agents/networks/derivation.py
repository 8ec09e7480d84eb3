"""The reference network of programs: it attends to the sentences of a specification and points at tokens.

Integers are looked up in embedding tables, and all that is known of the open hole is summed before the
first layer, which costs next to no FLOPs. A place in the program receives the sentence that its statement
stands for, in the same way as the open hole: what is learned from repairing a program helps to write one. A
place in a package receives the definition that it belongs to, and the one that it calls.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from etude_gym.agents.networks.rows import add_up, sum_of_rows, take
from etude_gym.tasks.observation_layout import DerivationLayout

LOOK_BACK = 3
"""Productions before the open hole that the network sees one by one."""


class Tables(nn.Module):
    """Embedding tables for several integers, whose vectors are summed.

    Args:
        sizes: number of values of each integer; larger and smaller values count as the last and the first.
        width: length of the vectors.
    """

    offsets: Tensor
    largest: Tensor

    def __init__(self, sizes: list[int], width: int) -> None:
        super().__init__()
        self.bag = nn.EmbeddingBag(sum(sizes), width, mode="sum")
        nn.init.normal_(self.bag.weight, std=0.3)
        self.register_buffer("offsets", torch.tensor([sum(sizes[:i]) for i in range(len(sizes))]))
        self.register_buffer("largest", torch.tensor(sizes) - 1)

    def forward(self, values: Tensor) -> Tensor:
        """The sum of the vectors that the integers stand for.

        Args:
            values: int64 (..., integers), one for each table in the last dimension.

        Returns:
            float32 tensor of shape (..., width).
        """
        rows = torch.minimum(values.clamp(min=0), self.largest) + self.offsets
        found = sum_of_rows(self.bag.weight, rows.reshape(-1, rows.shape[-1]))
        return found.reshape(*rows.shape[:-1], -1)


class DerivationNetwork(nn.Module):
    """Scores productions for the open hole, places in the program, and other actions.

    Args:
        layout: where things stand in the observation.
        width: features of the hidden layers; vectors of sentences and places are a quarter as long.
    """

    symbol_places: Tensor
    amount_places: Tensor
    amount_scales: Tensor

    def __init__(self, layout: DerivationLayout, width: int = 128) -> None:
        super().__init__()
        self.layout = layout
        narrow = width // 4
        arguments = [layout.largest_argument + 1] * 2
        vocabulary = layout.num_productions + 2
        self.sentence_in = Tables([layout.sentence_names + 1, *arguments], narrow)
        self.nearness = nn.Parameter(torch.zeros(2 * layout.num_sentences + 1))
        self.query = nn.Linear(width, narrow)
        self.hole_in = Tables([size for _, size in layout.symbols] + [vocabulary] * LOOK_BACK, width)
        self.amounts_in = nn.Linear(len(layout.amounts), width)
        self.sentence_out = nn.Linear(narrow, width)
        self.example_in = nn.Linear(layout.example_size, narrow)
        self.example_out = nn.Linear(narrow, width)
        self.hidden = nn.Linear(width, width)
        self.place_in = Tables([vocabulary, vocabulary], narrow)
        self.place_query = nn.Linear(width, narrow)
        self.owner_in = Tables([*layout.definition_sizes], narrow)
        self.callee_in = Tables([*layout.definition_sizes], narrow)
        self.body_in = nn.Linear(narrow, narrow)
        self.package_out = nn.Linear(narrow, width)
        self.chosen_out = nn.Linear(narrow, width)
        others = layout.num_actions - layout.num_tokens
        self.out = nn.Linear(width, others)
        self.usual = nn.Embedding(*layout.usual.shape)
        self.register_buffer("symbol_places", torch.tensor([index for index, _ in layout.symbols]))
        self.register_buffer("amount_places", torch.tensor([index for index, _ in layout.amounts]))
        self.register_buffer("amount_scales", torch.tensor([largest for _, largest in layout.amounts]))
        self.latent_dim_pi = layout.num_actions
        self.latent_dim_vf = width

    def prefer_the_usual(self) -> None:
        """Make the initial policy write usual productions, and attend to the hole's sentence."""
        with torch.no_grad():
            nn.init.orthogonal_(self.out.weight, gain=0.01)
            nn.init.orthogonal_(self.place_query.weight, gain=0.01)
            self.out.bias.zero_()
            self.usual.weight.copy_(torch.as_tensor(self.layout.usual).log())
            self.nearness[self.layout.num_sentences] = 4.0

    def forward(self, observation: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of all actions, and the features from which the value is computed.

        Args:
            observation: float32 (batch, size).

        Returns:
            Two float32 tensors, (batch, actions) and (batch, width).
        """
        places, state = self._read(observation)
        return self._logits(observation, places, state), state

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
        return self._read(observation)[1]

    def _read(self, observation: Tensor) -> tuple[Tensor, Tensor]:
        """Places in the program (batch, places, width / 4) and the whole state (batch, width)."""
        layout = self.layout
        whole = observation.long()
        tokens = whole[:, layout.tokens : layout.tokens + layout.num_tokens]
        sentences, names = self._sentences(whole)
        places, definitions, owner = self._places(whole, tokens, sentences)
        hole = self.hole_in(torch.cat([whole[:, self.symbol_places], self._before_hole(tokens)], dim=1))
        hole = hole + self.amounts_in(observation[:, self.amount_places] / self.amount_scales)
        hole = hole + self.sentence_out(self._attend(sentences, names, whole[:, layout.sentence], hole))
        hole = hole + self.package_out(definitions.mean(dim=1))
        at = whole[:, layout.chosen, None].clamp(min=0, max=layout.num_tokens)
        chosen = take(definitions, owner.gather(1, (at - 1).clamp(min=0))) * (at > 0)[:, :, None]
        state = torch.relu(hole + self._examples(observation) + self.chosen_out(chosen[:, 0]))
        state = torch.relu(self.hidden(state)) + state
        return places, state

    def _sentences(self, whole: Tensor) -> tuple[Tensor, Tensor]:
        """Vectors of the sentences (batch, sentences, width / 4) and their names, 0 where there is none."""
        layout = self.layout
        block = whole[:, layout.sentences : layout.sentences + 3 * layout.num_sentences]
        block = block.reshape(-1, 3, layout.num_sentences).transpose(1, 2)
        return self.sentence_in(block), block[:, :, 0]

    def _before_hole(self, tokens: Tensor) -> Tensor:
        """The productions right before the open hole, 0 where there are none: (batch, look back)."""
        hole = (tokens == self.layout.num_productions + 1).long().argmax(dim=1, keepdim=True)
        back = hole - torch.arange(1, LOOK_BACK + 1, device=tokens.device)
        return torch.where(back >= 0, tokens.gather(1, back.clamp(min=0)), 0)

    def _attend(self, sentences: Tensor, names: Tensor, current: Tensor, hole: Tensor) -> Tensor:
        """A mean of the sentences, weighted by nearness to that of the hole and by what they say."""
        places = torch.arange(1, self.layout.num_sentences + 1, device=names.device)
        distance = places - current[:, None].clamp(max=self.layout.num_sentences + 1)
        near = self.nearness[(distance + self.layout.num_sentences).clamp(min=0)]
        said = (sentences @ self.query(hole)[:, :, None])[:, :, 0] / sentences.shape[2] ** 0.5
        scores = torch.where(names > 0, near + said, -30.0)
        return (scores.softmax(dim=1)[:, None] @ sentences)[:, 0]

    def _examples(self, observation: Tensor) -> Tensor:
        """Features of the examples: the mean over them."""
        layout = self.layout
        size = layout.num_examples * layout.example_size
        block = observation[:, layout.examples : layout.examples + size]
        squashed = torch.asinh(block) / 4.0
        shown = self.example_in(squashed.reshape(-1, layout.num_examples, layout.example_size))
        mean: Tensor = torch.relu(shown).mean(dim=1)
        told: Tensor = self.example_out(mean)
        return told

    def _places(self, whole: Tensor, tokens: Tensor, sentences: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Vectors of the places, vectors of the definitions, and for each place the number of its definition.

        A place combines its token and the one before, its sentence, the definition it is in and the one it
        calls; a definition sums up its places.
        """
        layout = self.layout
        block = whole[:, layout.definitions : layout.definitions + layout.definition_block]
        block = block.reshape(len(whole), layout.num_definitions, -1)
        positions, known = block[:, :, 0], block[:, :, 1:]
        there = (positions > 0).float()[:, :, None]
        owner = self._owners(positions)
        owners = self.owner_in(known) * there
        told = self._told(tokens, sentences) + self._called(tokens, self.callee_in(known) * there)
        inside = torch.relu(told + take(owners, owner)) * (tokens > 0)[:, :, None]
        bodies = add_up(inside, owner, layout.num_definitions)
        definitions = torch.relu(owners + self.body_in(bodies)) * there
        return inside + take(definitions, owner), definitions, owner

    def _told(self, tokens: Tensor, sentences: Tensor) -> Tensor:
        """For each place the tokens there and before it, and the sentence of its statement."""
        begins = (tokens >= 1) & (tokens <= self.layout.num_statements)
        number = (begins.cumsum(dim=1) - 1).clamp(min=0, max=self.layout.num_sentences - 1)
        before = torch.cat([torch.zeros_like(tokens[:, :1]), tokens[:, :-1]], dim=1)
        told: Tensor = self.place_in(torch.stack([tokens, before], dim=2)) + take(sentences, number)
        return told

    def _called(self, tokens: Tensor, definitions: Tensor) -> Tensor:
        """For each place the vector of the definition that is called there, zeros where none is."""
        callee = tokens - self.layout.first_call
        calls = (callee >= 0) & (callee < self.layout.num_definitions)
        return take(definitions, torch.where(calls, callee, 0)) * calls[:, :, None]

    def _owners(self, positions: Tensor) -> Tensor:
        """For each place the number of the last definition that begins there or before, 0 without any."""
        numbers = torch.arange(self.layout.num_definitions, device=positions.device).expand_as(positions)
        begins = positions.new_zeros(len(positions), self.layout.num_tokens + 1)
        begins = begins.scatter_reduce(1, positions, numbers, "amax")
        owners: Tensor = begins[:, 1:].cummax(dim=1).values
        return owners

    def _logits(self, observation: Tensor, places: Tensor, state: Tensor) -> Tensor:
        usual = self.usual(observation[:, self.layout.hole].long())
        pointed = (places @ self.place_query(state)[:, :, None])[:, :, 0]
        others = self.out(state)
        productions = self.layout.num_productions
        return torch.cat([others[:, :productions] + usual, pointed, others[:, productions:]], dim=1)
