"""What ``ClauseNetwork`` does between its matrix products, each in one pass over the numbers.

Literals stand in the order of their atoms here, an atom before its negation: so the two messages that an atom
and its negation receive lie side by side, and one product serves both. PyTorch's operators take several times
as long for the same sums, maxima and look-ups.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from etude_gym.agents.networks.kernels import compiled_part, compiled_pass

ZERO = np.float32(0.0)


@compiled_pass
def read_items(
    observation: Any, first_clause: Any, first_atom: Any, places: Any, clauses: Any, atoms: Any
) -> None:
    """Take observations apart.

    Args:
        observation: float32 (n, size), with one block of numbers for each feature.
        first_clause: index of the first feature of the first clause; the first features name its literals.
        first_atom: index of the first feature of the first atom.
        places: int16 (n, clauses, literals), written: the place of each literal, -1 for none.
        clauses: float32 (n, clauses, other features), written.
        atoms: float32 (n, atoms, 2 * features + 2 * width), written at the front: the positive parts of an
            atom's features, then the negative ones.
    """
    num_clauses, named = places.shape[1:]
    num_atoms = atoms.shape[1]
    features = (first_clause - first_atom) // num_atoms
    for row in range(len(observation)):
        seen = observation[row]
        for n in range(named):
            for clause in range(num_clauses):
                number = int(np.rint(seen[first_clause + n * num_clauses + clause] * np.float32(num_atoms)))
                place = 2 * abs(number) - 2 + (number < 0)
                if number == 0 or place >= 2 * num_atoms:
                    place = -1
                for earlier in range(n):
                    if places[row, clause, earlier] == place:
                        place = -1
                places[row, clause, n] = place
        for feature in range(clauses.shape[2]):
            at = first_clause + (named + feature) * num_clauses
            for clause in range(num_clauses):
                clauses[row, clause, feature] = seen[at + clause]
        for feature in range(features):
            at = first_atom + feature * num_atoms
            for atom in range(num_atoms):
                atoms[row, atom, feature] = max(seen[at + atom], ZERO)
                atoms[row, atom, features + feature] = max(-seen[at + atom], ZERO)


@compiled_pass
def hear(messages: Any, places: Any, atoms: Any) -> None:
    """Every literal adds up the messages of the clauses that hold it.

    Args:
        messages: float32 (n, clauses, width).
        places: int16 (n, clauses, literals).
        atoms: float32 (n, atoms, front + 2 * width), written at the back: what an atom hears, then what its
            negation does.
    """
    width = messages.shape[2]
    front = atoms.shape[2] - 2 * width
    for row in range(len(messages)):
        atoms[row, :, front:] = ZERO
        for clause in range(messages.shape[1]):
            for n in range(places.shape[2]):
                place = int(places[row, clause, n])
                if place >= 0:
                    at = front + (place & 1) * width
                    for feature in range(width):
                        atoms[row, place >> 1, at + feature] += messages[row, clause, feature]


@compiled_pass
def tell(clauses: Any, messages: Any, places: Any, joined: Any) -> None:
    """Every clause adds up the messages of the literals that it holds.

    Args:
        clauses: float32 (n, clauses, features).
        messages: float32 (n, literals, width).
        places: int16 (n, clauses, literals).
        joined: float32 (n, clauses, features + width), written: a clause, then what it is told.
    """
    first, width = clauses.shape[2], messages.shape[2]
    for row in range(len(clauses)):
        for clause in range(clauses.shape[1]):
            for feature in range(first):
                joined[row, clause, feature] = clauses[row, clause, feature]
            for feature in range(width):
                joined[row, clause, first + feature] = ZERO
            for n in range(places.shape[2]):
                place = int(places[row, clause, n])
                if place >= 0:
                    for feature in range(width):
                        joined[row, clause, first + feature] += messages[row, place, feature]


@compiled_part
def _pool(items: Any, pooled: Any) -> None:
    width = items.shape[1]
    for feature in range(width):
        pooled[feature] = items[0, feature]
        pooled[width + feature] = items[0, feature]
    for item in range(1, len(items)):
        for feature in range(width):
            pooled[feature] += items[item, feature]
            pooled[width + feature] = max(pooled[width + feature], items[item, feature])
    for feature in range(width):
        pooled[feature] *= np.float32(1.0 / len(items))


@compiled_pass
def pool(observation: Any, clauses: Any, literals: Any, seen: Any) -> None:
    """The state, then mean and maximum over the clauses, then those over the literals.

    Args:
        observation: float32 (n, size).
        clauses: float32 (n, clauses, width).
        literals: float32 (n, literals, narrow).
        seen: float32 (n, state + 2 * width + 2 * narrow), written.
    """
    back = seen.shape[1] - 2 * literals.shape[2]
    middle = back - 2 * clauses.shape[2]
    for row in range(len(seen)):
        for at in range(middle):
            seen[row, at] = observation[row, at]
        _pool(clauses[row], seen[row, middle:back])
        _pool(literals[row], seen[row, back:])


@compiled_part
def _score(item: Any, context: Any, weight: Any) -> Any:
    total = ZERO
    for feature in range(len(item)):
        total += weight[feature] * max(item[feature] + context[feature], ZERO)
    return total


@compiled_pass
def score(
    clauses: Any, literals: Any, contexts: Any, for_clauses: Any, for_literals: Any, biases: Any, scores: Any
) -> None:
    """The product of ``relu(item + context)`` with a weight, for every clause and every literal.

    Args:
        clauses: float32 (n, clauses, width).
        literals: float32 (n, literals, narrow).
        contexts: float32 (n, at least width + narrow): that of clauses, then that of literals.
        for_clauses: float32 (width,), the weight.
        for_literals: float32 (narrow,), the weight.
        biases: float32 (2,).
        scores: float32 (n, at least clauses + literals), written: atoms before their negations.
    """
    num_clauses, width = clauses.shape[1:]
    num_literals, narrow = literals.shape[1:]
    for row in range(len(clauses)):
        context = contexts[row, :width]
        for item in range(num_clauses):
            scores[row, item] = _score(clauses[row, item], context, for_clauses) + biases[0]
        context = contexts[row, width : width + narrow]
        for item in range(num_literals):
            at = num_clauses + (item & 1) * (num_literals // 2) + (item >> 1)
            scores[row, at] = _score(literals[row, item], context, for_literals) + biases[1]


@compiled_part
def _score_backward(by_score: Any, item: Any, context: Any, by_context: Any, by_weight: Any) -> None:
    for feature in range(len(item)):
        value = max(item[feature] + context[feature], ZERO)
        by_weight[feature] += by_score * value
        by_context[feature] += np.float32(value > ZERO) * by_score


@compiled_pass
def score_backward(
    by_scores: Any,
    clauses: Any,
    literals: Any,
    contexts: Any,
    for_clauses: Any,
    for_literals: Any,
    by_contexts: Any,
    by_weights: Any,
) -> None:
    """Gradients of ``score`` by the contexts and the weights.

    Args:
        by_scores: float32 (n, at least clauses + literals).
        clauses, literals, contexts, for_clauses, for_literals: as ``score`` had them.
        by_contexts: float32 (n, at least width + narrow), written at the front.
        by_weights: float32 (width + narrow,), zeros, added to.
    """
    num_clauses, width = clauses.shape[1:]
    num_literals, narrow = literals.shape[1:]
    end = width + narrow
    for row in range(len(clauses)):
        by_contexts[row, :end] = ZERO
        for item in range(num_clauses):
            by_score = by_scores[row, item]
            if by_score != ZERO:
                context, by_context = contexts[row, :width], by_contexts[row, :width]
                _score_backward(by_score, clauses[row, item], context, by_context, by_weights[:width])
        for item in range(num_literals):
            by_score = by_scores[row, num_clauses + (item & 1) * (num_literals // 2) + (item >> 1)]
            if by_score != ZERO:
                context, by_context = contexts[row, width:end], by_contexts[row, width:end]
                _score_backward(by_score, literals[row, item], context, by_context, by_weights[width:])
        for feature in range(width):
            by_contexts[row, feature] *= for_clauses[feature]
        for feature in range(narrow):
            by_contexts[row, width + feature] *= for_literals[feature]


@compiled_part
def _by_maxima(items: Any, maxima: Any, by_maxima: Any, shares: Any) -> None:
    """Equal items share the gradient of their maximum."""
    shares[:] = ZERO
    for item in range(len(items)):
        for feature in range(len(shares)):
            shares[feature] += np.float32(items[item, feature] == maxima[feature])
    for feature in range(len(shares)):
        shares[feature] = by_maxima[feature] / shares[feature]


@compiled_part
def _by_item(
    by_score: Any,
    item: Any,
    context: Any,
    weight: Any,
    means: Any,
    maxima: Any,
    shares: Any,
    count: Any,
    by_item: Any,
) -> None:
    for feature in range(len(item)):
        value = item[feature]
        total = means[feature] * np.float32(1.0 / count)
        total += np.float32(value == maxima[feature]) * shares[feature]
        total += np.float32(value + context[feature] > ZERO) * by_score * weight[feature]
        by_item[feature] = total


@compiled_pass
def items_backward(
    by_scores: Any,
    by_seen: Any,
    seen: Any,
    clauses: Any,
    literals: Any,
    contexts: Any,
    for_clauses: Any,
    for_literals: Any,
    by_clauses: Any,
    by_literals: Any,
) -> None:
    """Gradients of ``score`` and ``pool`` by the items.

    Args:
        by_scores: float32 (n, at least clauses + literals).
        by_seen: float32 (n, state + 2 * width + 2 * narrow), by what ``pool`` wrote.
        seen: what ``pool`` wrote.
        clauses, literals, contexts, for_clauses, for_literals: as ``score`` had them.
        by_clauses: float32 (n, clauses, width), written: by what the clauses were before they were rectified.
        by_literals: float32 (n, literals, narrow), written.
    """
    num_clauses, width = clauses.shape[1:]
    num_literals, narrow = literals.shape[1:]
    end, back = width + narrow, seen.shape[1] - 2 * narrow
    middle = back - 2 * width
    shares = np.empty(end, np.float32)
    for row in range(len(clauses)):
        means, maxima = by_seen[row, middle : middle + width], seen[row, middle + width : back]
        context, share = contexts[row, :width], shares[:width]
        _by_maxima(clauses[row], maxima, by_seen[row, middle + width : back], share)
        for item in range(num_clauses):
            values, result = clauses[row, item], by_clauses[row, item]
            by_score = by_scores[row, item]
            _by_item(by_score, values, context, for_clauses, means, maxima, share, num_clauses, result)
            for feature in range(width):
                result[feature] *= np.float32(values[feature] > ZERO)
        means, maxima = by_seen[row, back : back + narrow], seen[row, back + narrow :]
        context, share = contexts[row, width:end], shares[width:]
        _by_maxima(literals[row], maxima, by_seen[row, back + narrow :], share)
        for item in range(num_literals):
            by_score = by_scores[row, num_clauses + (item & 1) * (num_literals // 2) + (item >> 1)]
            values, result = literals[row, item], by_literals[row, item]
            _by_item(by_score, values, context, for_literals, means, maxima, share, num_literals, result)


@compiled_pass
def tell_backward(by_joined: Any, places: Any, by_messages: Any) -> None:
    """Gradient of ``tell`` by the messages.

    Args:
        by_joined: float32 (n, clauses, features + width).
        places: int16 (n, clauses, literals).
        by_messages: float32 (n, literals, width), written.
    """
    width = by_messages.shape[2]
    first = by_joined.shape[2] - width
    for row in range(len(by_joined)):
        by_messages[row] = ZERO
        for clause in range(by_joined.shape[1]):
            for n in range(places.shape[2]):
                place = int(places[row, clause, n])
                if place >= 0:
                    for feature in range(width):
                        by_messages[row, place, feature] += by_joined[row, clause, first + feature]


@compiled_pass
def hear_backward(by_atoms: Any, by_joined: Any, places: Any, by_messages: Any, by_clauses: Any) -> None:
    """Gradient of ``hear`` by the messages, gradient of ``tell`` by the clauses.

    Args:
        by_atoms: float32 (n, atoms, front + 2 * width).
        by_joined: float32 (n, clauses, features + width).
        places: int16 (n, clauses, literals).
        by_messages: float32 (n, clauses, width), written.
        by_clauses: float32 (n, clauses, features), written.
    """
    width = by_messages.shape[2]
    front = by_atoms.shape[2] - 2 * width
    for row in range(len(by_atoms)):
        for clause in range(by_messages.shape[1]):
            for feature in range(by_clauses.shape[2]):
                by_clauses[row, clause, feature] = by_joined[row, clause, feature]
            for feature in range(width):
                by_messages[row, clause, feature] = ZERO
            for n in range(places.shape[2]):
                place = int(places[row, clause, n])
                if place >= 0:
                    at = front + (place & 1) * width
                    for feature in range(width):
                        by_messages[row, clause, feature] += by_atoms[row, place >> 1, at + feature]
