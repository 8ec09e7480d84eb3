"""Reference networks: actor-critics whose shape follows the observation.

``ClauseNetwork`` treats all clauses alike and all literals alike: it scores each of them by one shared
network (a pointer network), so that their order does not matter.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from etude_gym.agents.networks.clause_pass import Parameters, evaluate_clauses
from etude_gym.tasks.observation_layout import ClauseLayout, ItemSet


def items_of(observation: Tensor, items: ItemSet) -> Tensor:
    """The items of a set.

    Args:
        observation: flat observations, float32 (batch, size).
        items: where the set stands in an observation.

    Returns:
        float32 tensor of shape (batch, items, features).
    """
    block = observation[:, items.start : items.stop]
    return block.reshape(-1, items.features, items.items).transpose(1, 2)


def incidence(numbers: Tensor, atoms: int) -> Tensor:
    """Which literals each clause holds.

    Args:
        numbers: literals of the clauses as the observation gives them, (batch, clauses, literals): the number
            of an atom, from 1, over ``atoms``; negative for its negation, 0 for no literal.
        atoms: number of atoms.

    Returns:
        float32 tensor of 0 and 1, shape (batch, clauses, 2 * atoms): the atoms, then their negations.
    """
    signed = (numbers * atoms).round().long()
    # Place 0 is for "no literal"; an atom has its own number, its negation one that is larger by ``atoms``.
    place = torch.where(signed < 0, atoms - signed, signed)
    held = torch.zeros(*numbers.shape[:2], 2 * atoms + 1, device=numbers.device)
    return held.scatter_(2, place, 1.0)[:, :, 1:]


class ClauseNetwork(nn.Module):
    """Scores clauses and literals by shared networks, given the whole state.

    Two rounds of message passing: literals receive the clauses that hold them and those that hold their
    negation, then clauses receive their literals. Means and maxima over clauses and literals feed the logits
    of the answers and the value.

    The confidence is not learned: it follows the probability that the network itself gives the answer
    among all answers.

    Args:
        layout: where things stand in the observation.
        width: features of a clause; a literal has half as many, a message a quarter.
    """

    levels: Tensor

    def __init__(self, layout: ClauseLayout, width: int = 32) -> None:
        super().__init__()
        self.layout = layout
        literal_width, message_width = width // 2, width // 4
        others = layout.answers[0] + layout.answers[1] - layout.atoms.stop_action
        self.clause_in = nn.Linear(layout.clauses.features - layout.literals_per_clause, width)
        self.to_literals = nn.Linear(width, message_width)
        self.literal_in = nn.Linear(2 * layout.atoms.features + 2 * message_width, literal_width)
        self.to_clauses = nn.Linear(literal_width, message_width)
        self.clause_hidden = nn.Linear(width + message_width, width)
        num_globals = layout.num_globals - layout.last_globals
        self.summary = nn.Linear(num_globals + 2 * width + 2 * literal_width, 2 * width)
        self.clause_context = nn.Linear(2 * width, width)
        self.literal_context = nn.Linear(2 * width, literal_width)
        self.clause_out = nn.Linear(width, 1)
        self.literal_out = nn.Linear(literal_width, 1)
        self.other_hidden = nn.Linear(2 * width, width)
        self.other_out = nn.Linear(width, others)
        self.value_hidden = nn.Linear(2 * width, width)
        self.register_buffer("levels", torch.tensor(layout.levels))
        self.latent_dim_pi = layout.answers[0] + layout.answers[1] + len(layout.levels)
        self.latent_dim_vf = width

    def _parameters_in_order(self) -> Parameters:
        layers = (getattr(self, name) for name in Parameters._fields[::2])
        return Parameters(*(parameter for layer in layers for parameter in (layer.weight, layer.bias)))

    def prefer_clauses(self) -> None:
        """Make the initial policy assume and answer rarely: both seldom lead to a reward."""
        for head, bias in ((self.clause_out, 0.0), (self.literal_out, -2.5), (self.other_out, -1.0)):
            nn.init.orthogonal_(head.weight, gain=0.01)
            nn.init.constant_(head.bias, bias)

    def forward(self, observation: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of all actions, and the features from which the value is computed.

        Args:
            observation: float32 (batch, size).

        Returns:
            Two float32 tensors, (batch, actions) and (batch, width).
        """
        if observation.device.type == "cpu" and observation.dtype == torch.float32:
            scores, value = evaluate_clauses(observation, self.layout, self._parameters_in_order())
            return self._with_confidence(observation, scores), value * self._unanswered(observation)
        return self.forward_anywhere(observation)

    def forward_anywhere(self, observation: Tensor) -> tuple[Tensor, Tensor]:
        """The same as ``forward`` in PyTorch's own operators, on any device.

        Args:
            observation: floating-point numbers (batch, size).
        """
        clauses, literals, summary = self._read(observation)
        return self._logits(observation, clauses, literals, summary), self._value(observation, summary)

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
        return self._value(observation, self._read(observation)[2])

    def _read(self, observation: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Clauses (batch, clauses, width), literals (batch, literals, width / 2), summary."""
        layout = self.layout
        shown = items_of(observation, layout.clauses)
        atoms = items_of(observation, layout.atoms)
        named = layout.literals_per_clause
        held = incidence(shown[:, :, :named], layout.atoms.items)
        clauses = torch.relu(self.clause_in(shown[:, :, named:]))
        heard = held.transpose(1, 2) @ self.to_literals(clauses)
        opposite = heard.roll(layout.atoms.items, dims=1)
        signed = torch.cat([atoms, -atoms], dim=1)
        literals = torch.cat([signed.relu(), (-signed).relu(), heard, opposite], dim=2)
        literals = torch.relu(self.literal_in(literals))
        told = held @ self.to_clauses(literals)
        clauses = torch.relu(self.clause_hidden(torch.cat([clauses, told], dim=2)))
        seen = [clauses.mean(1), clauses.amax(1), literals.mean(1), literals.amax(1)]
        state = observation[:, : layout.num_globals - layout.last_globals]
        return clauses, literals, torch.relu(self.summary(torch.cat([state, *seen], dim=1)))

    def _logits(self, observation: Tensor, clauses: Tensor, literals: Tensor, summary: Tensor) -> Tensor:
        clauses = torch.relu(clauses + self.clause_context(summary)[:, None])
        literals = torch.relu(literals + self.literal_context(summary)[:, None])
        others = self.other_out(torch.relu(self.other_hidden(summary)))
        scores = (self.clause_out(clauses)[:, :, 0], self.literal_out(literals)[:, :, 0], others)
        return self._with_confidence(observation, torch.cat(scores, dim=1))

    def _value(self, observation: Tensor, summary: Tensor) -> Tensor:
        """Features of the value: zeros once the answer is given, as no reward can follow."""
        return torch.relu(self.value_hidden(summary)) * self._unanswered(observation)

    def _unanswered(self, observation: Tensor) -> Tensor:
        """1 as long as no answer was given, then 0: (batch, 1)."""
        return 1 - observation[:, self.layout.num_globals - self.layout.last_globals, None]

    def _with_confidence(self, observation: Tensor, scores: Tensor) -> Tensor:
        return torch.cat([scores, self._confidence(observation, scores)], dim=1)

    def _confidence(self, observation: Tensor, scores: Tensor) -> Tensor:
        """Logits of the levels of confidence, highest near the probability of the answer that was given."""
        answers = self.layout.answers[1]
        given = observation[:, self.layout.num_globals - answers : self.layout.num_globals]
        probability = (scores[:, -answers:].detach().softmax(dim=1) * given).sum(dim=1, keepdim=True)
        return -(((self.levels - probability) / SHARPNESS) ** 2)


SHARPNESS = 0.05
"""How far from the probability of the answer a level of confidence may lie, roughly."""
