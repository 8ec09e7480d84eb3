"""The vocabulary of EtudeLogic-v0: what each atom of a task is called in English, by family.

Every atom gets a statement and its negation, drawn from the task's key. Words that exclude or imply each
other by their meaning (opposites, synonyms, a kind and what it is a kind of) are kept out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from etude_gym.envs.logic.kernel import MAX_ATOMS, MAX_PREMISES
from etude_gym.randomness import uniform

Item = TypeVar("Item")

FIRST_COUNTER = 10_000
"""Counters of a task's random numbers from here on belong to its wording; the generator's are lower."""

# Places among the numbers of a wording.
_STYLE, _FIRST, _SECOND, _THIRD, LABELS, PREMISES = 0, 100, 600, 700, 900, 1000
PLACES_OF_A_PREMISE = 16
NUM_NUMBERS = PREMISES + MAX_PREMISES * PLACES_OF_A_PREMISE


class Draws:
    """Random choices, each a function of a task's key and of its place among the numbers of a wording.

    Args:
        key: the task's key.
    """

    def __init__(self, key: int) -> None:
        counters = FIRST_COUNTER + np.arange(NUM_NUMBERS)
        self._numbers = uniform(np.array([key], dtype=np.uint64), counters).tolist()

    def choose(self, place: int, options: Sequence[Item]) -> Item:
        """One of several options, with equal probability.

        Args:
            place: which of the task's numbers to use, 0 to ``NUM_NUMBERS`` - 1.
            options: at least one.
        """
        return options[int(self._numbers[place] * len(options))]

    def sample(self, place: int, items: Sequence[Item], count: int) -> list[Item]:
        """Some of several items in random order, without replacement.

        Args:
            place: first of the numbers to use; one is used for each item.
            items: the items to draw from.
            count: how many to draw; all of them if there are no more.
        """
        order = sorted(range(len(items)), key=self._numbers[place : place + len(items)].__getitem__)
        return [items[i] for i in order[:count]]


@dataclass(frozen=True)
class Term:
    """A category of a syllogism.

    Attributes:
        one: after "is": "a wug", "furry".
        many: after "are": "wugs", "furry".
        noun: after "every": "wug"; empty for an adjective.
    """

    one: str
    many: str
    noun: str = ""


@dataclass(frozen=True)
class Phrases:
    """What the atoms of a task are called.

    Attributes:
        statements: of each literal: 16 atoms, then their negations; all distinct, no comma or period in them.
        terms: the category of each atom, in syllogisms.
        name: the individual that the statements are about, in syllogisms.
        persons: whether that individual is a person, not a thing.
    """

    statements: tuple[str, ...]
    terms: tuple[Term, ...] = ()
    name: str = ""
    persons: bool = False


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in " ".join(text.split()).split(","))


NAMES = _words(
    """Ann, Bob, Carl, Dora, Emma, Frank, Grace, Hugo, Iris, Jack, Kim, Leo, Mia, Ned, Olga, Paul, Rosa, Sam,
    Tina, Uma, Vera, Walt, Yuri, Zoe, Amir, Bela, Chen, Dina, Eli, Farah, Gita, Hana, Ivan, Jun, Kofi, Lena,
    Marco, Nia, Omar, Pia, Ravi, Sven, Tariq, Ulla, Wei, Yara"""
)

# --- Syllogisms: categories of one individual --------------------------------------------------------

# Nonsense nouns: a first and a second half.
BEGINNINGS = _words(
    """bla, bro, cre, dri, fle, glo, gru, jo, ke, lu, mo, nu, plo, que, ra, sko, sni, te, tro, va, wi, yo,
    ze, zu"""
)
ENDINGS = _words(
    """bert, dwin, fel, gon, kib, lomp, mig, narb, pim, rud, shol, tork, vek, wim, zal, bunt, dok, flip, garp,
    lim, mord, nop, pud, relt"""
)
MARKS = _words(
    """striped, spotted, furry, winged, horned, scaly, nocturnal, venomous, playful, fierce, noisy, hungry,
    rare, slippery, shiny, fragrant, magnetic, loyal, sleepy, clumsy, greedy, curious, musical, sticky,
    ticklish, waterproof"""
)
TRADES = _words(
    """gardener, sailor, dancer, painter, teacher, farmer, baker, swimmer, juggler, poet, pilot, nurse,
    lawyer, potter, tailor, weaver, cyclist, skater, drummer, pianist, beekeeper, carpenter, plumber,
    translator, librarian, electrician, astronomer, archer, architect, actor, chemist, clown, dentist,
    diver, fencer, florist, geologist, goldsmith, hiker, historian, inventor, locksmith, magician,
    mechanic, climber, novelist, optician, photographer, rower, sculptor, surfer, vet, waiter, wrestler,
    chess player, stamp collector, volunteer, journalist, umpire, barber"""
)
TRAITS = _words(
    """tall, rich, tired, hungry, patient, curious, brave, famous, friendly, generous, honest,
    jealous, lonely, lucky, musical, nervous, polite, proud, punctual, stubborn, thirsty, thrifty,
    witty, shy, strict, graceful, tidy, ambitious, athletic, creative, elegant, forgetful, gentle, handy,
    homesick, left-handed, loyal, modest, optimistic, practical, superstitious, sunburned, bilingual,
    nearsighted, freckled, barefoot, married, retired, vegetarian, ticklish"""
)


def _article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def _nonsense(draws: Draws) -> list[str]:
    """Nouns that share neither their first nor their second half."""
    beginnings = draws.sample(_FIRST, BEGINNINGS, MAX_ATOMS)
    endings = draws.sample(_SECOND, ENDINGS, MAX_ATOMS)
    return [beginning + ending for beginning, ending in zip(beginnings, endings, strict=True)]


def categories(draws: Draws) -> Phrases:
    """One individual, and 16 categories it may belong to: nouns, and up to 5 adjectives.

    Args:
        draws: of the task.
    """
    persons = draws.choose(_STYLE, (False, True))
    name = draws.choose(_STYLE + 1, NAMES)
    nouns = draws.sample(_FIRST, TRADES, MAX_ATOMS) if persons else _nonsense(draws)
    adjectives = draws.sample(_THIRD, TRAITS if persons else MARKS, draws.choose(_STYLE + 2, range(6)))
    terms = [Term(_article(noun), f"{noun}s", noun) for noun in nouns[len(adjectives) :]]
    terms += [Term(adjective, adjective) for adjective in adjectives]
    shuffled = draws.sample(_STYLE + 10, terms, MAX_ATOMS)
    positive = [f"{name} is {term.one}" for term in shuffled]
    negative = [f"{name} is not {term.one}" for term in shuffled]
    return Phrases((*positive, *negative), tuple(shuffled), name, persons)


# --- Chains: people and properties -------------------------------------------------------------------

GRIDS = ((4, 4), (4, 8), (6, 6), (8, 4), (8, 8), (16, 16))
"""Numbers of people and of what is said of them; few of both make statements that look alike."""


def _cells(draws: Draws, rows: Sequence[str], columns: Sequence[Item]) -> list[tuple[str, Item]]:
    """16 distinct pairs of a grid."""
    return draws.sample(_FIRST, [(row, column) for row in rows for column in columns], MAX_ATOMS)


def properties(draws: Draws) -> Phrases:
    """Several people, and properties they may have.

    Args:
        draws: of the task.
    """
    people, traits = draws.choose(_STYLE, GRIDS)
    names = draws.sample(_THIRD, NAMES, people)
    cells = _cells(draws, names, draws.sample(_THIRD + 100, TRAITS, traits))
    positive = [f"{name} is {trait}" for name, trait in cells]
    negative = [f"{name} is not {trait}" for name, trait in cells]
    return Phrases((*positive, *negative))


# --- Cases: everyday situations ----------------------------------------------------------------------

SITUATIONS = (
    ("train, bus, ferry, tram, taxi, plane, truck, van", "late, full, dirty, noisy, heated, brand-new"),
    (
        "bridge, market, museum, library, harbor, park, bakery, theater, stadium, post office",
        "closed, renovated, flooded, decorated, guarded, well lit",
    ),
    (
        "radio, heater, oven, printer, alarm, fan, computer, phone, projector, kettle",
        "switched on, scratched, plugged in, rented, dusty, too loud",
    ),
    (
        "door, window, gate, cellar, attic, garage, kitchen, mailbox, cupboard, drawer",
        "locked, empty, damp, freshly painted, clean, labeled",
    ),
    ("soup, bread, cake, stew, salad, pie, cheese, porridge", "warm, sweet, burned, salty, homemade, spicy"),
)
"""Things, and what may be said of them."""

_EVENTS = tuple(
    (thing, state) for things, states in SITUATIONS for thing in _words(things) for state in _words(states)
)


def situations(draws: Draws) -> Phrases:
    """Everyday situations that may hold or not.

    Args:
        draws: of the task.
    """
    events = draws.sample(_FIRST, _EVENTS, MAX_ATOMS)
    positive = [f"the {thing} is {state}" for thing, state in events]
    negative = [f"the {thing} is not {state}" for thing, state in events]
    return Phrases((*positive, *negative))


# --- Puzzles: who has what ---------------------------------------------------------------------------

ASSIGNMENTS = (
    ("has a", "have a", "cat, dog, parrot, goldfish, hamster, rabbit, pony, turtle, canary, goat, snail"),
    ("plays the", "play the", "flute, violin, piano, harp, trumpet, cello, guitar, organ, banjo, oboe"),
    ("visits", "visit", "Rome, Paris, Lima, Cairo, Oslo, Kyoto, Delhi, Quito, Dublin, Athens, Nairobi"),
    ("comes on", "come on", "Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday"),
    ("speaks", "speak", "Spanish, Arabic, Hindi, Swahili, Finnish, Korean, Greek, Welsh, Turkish, Polish"),
    ("studies", "study", "history, biology, law, physics, music, geology, economics, botany, logic"),
    ("drinks", "drink", "tea, coffee, milk, lemonade, cider, cocoa, apple juice, ginger ale"),
    ("wears a", "wear a", "hat, scarf, red tie, bracelet, wig, raincoat, silver ring, badge, cape, belt"),
    ("grows", "grow", "roses, tulips, beans, carrots, onions, grapes, melons, mint, garlic, daisies"),
)
"""Verbs, as in "Ann has a" and "Ann does not have a", and their objects."""


def assignments(draws: Draws) -> Phrases:
    """Several people, and one or two kinds of things that each of them may have or do.

    Args:
        draws: of the task.
    """
    kinds = draws.sample(_STYLE, ASSIGNMENTS, draws.choose(_STYLE + 20, (1, 2)))
    names = draws.sample(_THIRD, NAMES, draws.choose(_STYLE + 21, (4, 5, 6)))
    deeds = []
    for n, (does, do, objects) in enumerate(kinds):
        chosen = draws.sample(_SECOND + 20 * n, _words(objects), draws.choose(_STYLE + 22 + n, (4, 5)))
        deeds += [(f"{does} {thing}", f"does not {do} {thing}") for thing in chosen]
    cells = _cells(draws, names, deeds)
    return Phrases((*(f"{name} {does}" for name, (does, _) in cells), *(f"{n} {no}" for n, (_, no) in cells)))


PHRASES_OF_FAMILY = {
    "syllogism": categories,
    "chain": properties,
    "cases": situations,
    "puzzle": assignments,
}
