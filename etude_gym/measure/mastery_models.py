"""Models of who has mastered what: abilities alone, or abilities and an order of skills.

Every model is a basic local independence model whose states have probabilities that follow from abilities.
Without an order, a skill is mastered with probability sigmoid(a (theta - b)): one ability with one slope is
the Rasch model, with a slope for each skill the two-parameter model, with one ability for each family a
model of correlated abilities. With an order, a skill whose prerequisites are not mastered is never mastered:
the simple learning model (Doignon and Falmagne 1999, "Knowledge Spaces", ch. 8), here with probabilities
that rise with ability. An order takes no parameter, so models with and without it compete on equal terms,
and an order that ability explains wins nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from etude_gym.measure.item_tree import Relation
from etude_gym.measure.knowledge_structure import allowed_states, merge_rows

LARGEST_ERROR = 0.05
"""Mastery that is decided with 95% certainty is wrong in so many cases at most."""
_NODES = 61
_FAMILY_NODES = 128
_STARTS = (1.5, 6.0)
_SLOPES = (0.05, 30.0)
_DIFFICULTIES = (-6.0, 6.0)
_CORRELATIONS = (0.01, 0.99)


@dataclass(frozen=True, eq=False)
class MasteryModel:
    """What is to be fitted.

    Attributes:
        relation: order of the skills, bool (skills, skills); the identity for no order.
        groups: which ability each skill draws on, 0 to abilities - 1.
        slopes: whether each skill has a slope of its own.
    """

    relation: Relation
    groups: tuple[int, ...]
    slopes: bool

    @property
    def abilities(self) -> int:
        """Number of abilities."""
        return len(set(self.groups))

    @property
    def parameters(self) -> int:
        """Difficulties, slopes, the correlation of abilities, and two probabilities of error."""
        skills = len(self.groups)
        return skills + (skills if self.slopes else 1) + (self.abilities > 1) + 2

    @cached_property
    def states(self) -> NDArray[np.float64]:
        """The states that the order allows, shape (states, skills)."""
        return allowed_states(self.relation).astype(np.float64)

    @cached_property
    def open(self) -> NDArray[np.float64]:
        """Whether the prerequisites of each skill are in each state, shape (states, skills)."""
        needed = self.relation & ~np.eye(len(self.groups), dtype=np.bool_)
        return np.asarray((1 - self.states) @ needed.astype(np.float64) == 0, dtype=np.float64)


@dataclass(frozen=True)
class MasteryFit:
    """A model fitted to states of mastery.

    Attributes:
        log_likelihood: of the states, each lineage counting once.
        parameters: number of them.
        bic: -2 log_likelihood + parameters log(lineages) (Schwarz 1978).
    """

    log_likelihood: float
    parameters: int
    bic: float


def fit_mastery(model: MasteryModel, states: NDArray[np.float64], weights: NDArray[np.float64]) -> MasteryFit:
    """Fit by maximum marginal likelihood.

    Args:
        model: abilities and order.
        states: 1 mastered, 0 unmastered, NaN missing, shape (rows, skills).
        weights: of the rows; they sum to the number of lineages.
    """
    from scipy.optimize import minimize

    likelihood = _Likelihood(model, *merge_rows(states, weights))
    best = max(
        -minimize(
            likelihood, likelihood.start(slope), jac=True, method="L-BFGS-B", bounds=likelihood.bounds
        ).fun
        for slope in _STARTS
    )
    bic = -2 * best + model.parameters * np.log(weights.sum())
    return MasteryFit(float(best), model.parameters, float(bic))


def competing(relation: Relation, groups: Sequence[int]) -> list[MasteryModel]:
    """The models of one order: one ability, abilities by family, each with one slope and with several.

    Args:
        relation: bool (skills, skills).
        groups: the family of each skill.
    """
    places = {group: place for place, group in enumerate(dict.fromkeys(groups))}
    families = tuple(places[group] for group in groups)
    kinds = dict.fromkeys([(0,) * len(groups), families])
    return [MasteryModel(relation, kind, slopes) for kind in kinds for slopes in (False, True)]


class _Likelihood:
    """Minus the log-likelihood of a model and its gradient, as a function of one vector of parameters.

    The vector holds difficulties, logarithms of slopes, the correlation if there are abilities, and the
    probabilities of a careless error and of a lucky guess.
    """

    def __init__(self, model: MasteryModel, rows: NDArray[np.float64], weights: NDArray[np.float64]) -> None:
        self.model, self.weights = model, weights
        self.skills = rows.shape[1]
        self.num_slopes = self.skills if model.slopes else 1
        yes, no = (rows == 1).astype(np.float64), (rows == 0).astype(np.float64)
        inside, outside = model.states.T, 1 - model.states.T
        self.counts = yes @ inside, no @ inside, yes @ outside, no @ outside
        self.shared, self.own = _nodes(model.abilities)
        self.mean = np.nansum(weights[:, None] * rows, axis=0) / np.maximum(weights @ (yes + no), 1e-9)

    @property
    def bounds(self) -> list[tuple[float, float]]:
        errors = [(1e-3, LARGEST_ERROR)] * 2
        slopes = [(np.log(_SLOPES[0]), np.log(_SLOPES[1]))] * self.num_slopes
        return [_DIFFICULTIES] * self.skills + slopes + [_CORRELATIONS] * (self.model.abilities > 1) + errors

    def start(self, slope: float) -> NDArray[np.float64]:
        """Difficulties from the shares that mastered each skill; all slopes as given."""
        shares = np.clip(self.mean, 0.02, 0.98)
        difficulties = np.clip(-np.log(shares / (1 - shares)) / 1.7, *_DIFFICULTIES)
        slopes = np.full(self.num_slopes, np.log(slope))
        return np.concatenate([difficulties, slopes, [0.5] * (self.model.abilities > 1), [0.02, 0.02]])

    def __call__(self, vector: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        model, skills = self.model, self.skills
        difficulties, slopes = vector[:skills], np.exp(vector[skills : skills + self.num_slopes])
        abilities, by_correlation = self._abilities(vector)
        distance = abilities[:, list(model.groups)] - difficulties
        logits = slopes * distance
        mastered = 1 / (1 + np.exp(-logits))
        logs = -np.logaddexp(0, -logits) @ (model.states * model.open).T
        logs += -np.logaddexp(0, logits) @ ((1 - model.states) * model.open).T
        of_nodes = np.exp(logs) / len(abilities)
        responses, by_careless, by_lucky = self._responses(vector[-2], vector[-1])
        probabilities = of_nodes.sum(axis=0)
        joint = responses * probabilities
        marginal = joint.sum(axis=1)
        share = self.weights / marginal
        pull = of_nodes * (share @ responses)
        steps = pull @ (model.states * model.open) - mastered * (pull @ model.open)
        posterior = joint * share[:, None]
        by_slope = (steps * distance).sum(axis=0) * slopes
        gradient = [
            (-slopes * steps).sum(axis=0),
            by_slope if model.slopes else [by_slope.sum()],
            [(steps * slopes * by_correlation[:, list(model.groups)]).sum()] * (model.abilities > 1),
            [(posterior * by_careless).sum(), (posterior * by_lucky).sum()],
        ]
        return -float(self.weights @ np.log(marginal)), -np.concatenate(gradient)

    def _abilities(self, vector: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Abilities at the nodes, shape (nodes, abilities), and how they change with their correlation."""
        if self.model.abilities == 1:
            return self.shared, np.zeros_like(self.shared)
        common, rest = np.sqrt(vector[-3]), np.sqrt(1 - vector[-3])
        return (
            common * self.shared + rest * self.own,
            self.shared / (2 * common) - self.own / (2 * rest),
        )

    def _responses(
        self, careless: float, lucky: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Probability of each row in each state, and how its logarithm changes with the errors."""
        right, slipped, guessed, wrong = self.counts
        logs = right * np.log1p(-careless) + slipped * np.log(careless)
        logs += guessed * np.log(lucky) + wrong * np.log1p(-lucky)
        return (
            np.exp(logs),
            slipped / careless - right / (1 - careless),
            guessed / lucky - wrong / (1 - lucky),
        )


def _nodes(abilities: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points of equal weight of a normal distribution: what abilities share, and what each has of its own."""
    from scipy.stats import norm
    from scipy.stats.qmc import Sobol

    if abilities == 1:
        points = norm.ppf((np.arange(_NODES) + 0.5) / _NODES)[:, None]
        return points, np.zeros_like(points)
    points = norm.ppf(Sobol(1 + abilities, seed=0).random(_FAMILY_NODES))
    return points[:, :1], points[:, 1:]
