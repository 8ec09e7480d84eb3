"""What the numbers of a flat observation stand for, and which actions point at what.

A network that treats all items of a set alike needs to know where they are. A domain that declares its
layout gets such a network from ``etude_gym.agents`` without either importing the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ItemSet:
    """Items of one kind, in an observation that holds one block of ``items`` numbers for each feature.

    Attributes:
        name: what the items are.
        start: index of the first feature of the first item.
        items: how many there are.
        features: how many features each of them has.
        first_action: actions ``first_action + head * items + item`` point at the items.
        heads: how many actions point at each item.
    """

    name: str
    start: int
    items: int
    features: int
    first_action: int
    heads: int

    @property
    def stop(self) -> int:
        """Index after the last feature."""
        return self.start + self.items * self.features

    @property
    def stop_action(self) -> int:
        """The action after the last one that points at an item."""
        return self.first_action + self.heads * self.items


@dataclass(frozen=True)
class ClauseLayout:
    """The layout of an observation of clauses over atoms.

    The first features of a clause name its literals: the number of the atom from 1 on, divided by the number
    of atoms, negative for a negated atom, 0 for none. The features of an atom are signed: those of its
    negation have the opposite sign.

    Attributes:
        num_globals: the observation begins with so many numbers about the whole state.
        clauses: the clauses; one action points at each.
        literals_per_clause: how many of a clause's features name literals.
        atoms: the atoms; one action points at each, and one at its negation.
        last_globals: how many of the globals, at the end, tell which answer was given.
        answers: first action and number of the answers.
        levels: the probability of being right that each of the actions after the answers states.
    """

    num_globals: int
    clauses: ItemSet
    literals_per_clause: int
    atoms: ItemSet
    last_globals: int
    answers: tuple[int, int]
    levels: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class DerivationLayout:
    """The layout of an observation of a program that is derived from a specification: whole numbers.

    Sentences and productions count from 1, 0 stands for none. Actions are the productions, then one for each
    place in the program, then others.

    Attributes:
        symbols: numbers about the state that are names, each with how many values there are: (index, values).
        amounts: numbers about the state that are amounts, each with its largest value: (index, largest).
        sentence: index of the number of the sentence that the open hole belongs to.
        sentences: where the sentences begin: first the names of all, then their first arguments, then the
            second ones.
        num_sentences: how many there are at most.
        sentence_names: how many names of sentences there are.
        largest_argument: of sentences.
        tokens: where the productions of the program begin.
        num_tokens: how many places there are.
        num_productions: how many productions there are; the number after the last marks the open hole.
        num_statements: the first so many productions begin a statement, which stands for a sentence.
        hole: index of the number of the open hole: which production opened it, and which of its holes it is.
        usual: how usual each production is in each kind of hole, float32 (kinds, productions), sums of 1.
        examples: where the examples begin.
        num_examples: how many there are.
        example_size: numbers of each.
        definitions: where the definitions of a package begin: for each its position (from 1, 0 if there is
            none) and then what is known of it.
        num_definitions: how many there are.
        definition_sizes: for each number that is known of a definition how many values there are.
        first_call: the number in the program that calls the first definition; those of the others follow.
        chosen: index of the position of the definition that was chosen, 0 if none was.
        num_actions: how many actions there are.
    """

    symbols: tuple[tuple[int, int], ...]
    amounts: tuple[tuple[int, float], ...]
    sentence: int
    sentences: int
    num_sentences: int
    sentence_names: int
    largest_argument: int
    tokens: int
    num_tokens: int
    num_productions: int
    num_statements: int
    hole: int
    usual: NDArray[np.float32]
    examples: int
    num_examples: int
    example_size: int
    definitions: int
    num_definitions: int
    definition_sizes: tuple[int, ...]
    first_call: int
    chosen: int
    num_actions: int

    @property
    def definition_block(self) -> int:
        """How many numbers there are about all definitions."""
        return self.num_definitions * (1 + len(self.definition_sizes))


@dataclass(frozen=True)
class Holders:
    """Items that hold concepts.

    The first features of an item name what it holds: the number of a concept from 1 on, divided by the number
    of concepts; or, where only its kind is known, the number of the kind, divided by that of kinds, with a
    negative sign; 0 for nothing.

    Attributes:
        items: the items; those that have no actions have no heads.
        slots: how many features name concepts.
        group: so many items in a row belong together.
    """

    items: ItemSet
    slots: int
    group: int


@dataclass(frozen=True)
class ConceptLayout:
    """The layout of an observation of items that hold concepts.

    Attributes:
        num_globals: the observation begins with so many numbers about the whole state.
        concepts: the concepts; they are the same in every task, and no actions point at them.
        kinds: how many kinds of concepts there are.
        pointed: holders; one action points at each.
        groups: what the groups of these holders are; one action points at each.
        others: holders at which no actions point.
        num_actions: how many actions there are; those after the groups point at nothing.
    """

    num_globals: int
    concepts: ItemSet
    kinds: int
    pointed: Holders
    groups: ItemSet
    others: tuple[Holders, ...]
    num_actions: int
