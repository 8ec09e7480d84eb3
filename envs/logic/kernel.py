"""The world of premises: state, rules, mask and observation, as numba scalar functions.

Read in the order in which things happen: how literals and premises are written down, the world's record,
what a premise says in a state of knowledge, what an action does, how an answer is graded, what an agent
sees. ``generator`` makes worlds, ``solver`` decides them, ``oracle`` proves them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from etude_gym.tasks.kernels import entry_point, kernel

MAX_ATOMS = 16
MAX_PREMISES = 24
MAX_DEPTH = 8
MAX_LITERALS = 4

# Kinds of premises.
ABSENT, RULE, DISJUNCTION, GROUP = range(4)

# What a query can be.
ENTAILED, REFUTED, UNKNOWN, INCONSISTENT = range(4)
NUM_STATUSES = 4

STEP_LIMIT = 40
"""Actions in an episode: the same for every task, so that it says nothing about it."""

NUM_LEVELS = 5
CONFIDENCE = (0.3, 0.5, 0.7, 0.85, 0.97)
"""Probability of being right that each level of confidence states."""

# Actions: one for each premise, two literals to assume for each atom, then the answers.
APPLY = 0
ASSUME = APPLY + MAX_PREMISES
RETRACT = ASSUME + 2 * MAX_ATOMS
ANSWER = RETRACT + 1
CONFIDE = ANSWER + NUM_STATUSES
NUM_ACTIONS = CONFIDE + NUM_LEVELS

BARE = 0.02
"""Score of a right answer without any support."""
PARTIAL = 0.4
"""Support by a certificate of which all but a little is made; it grows with the share that is made."""
WASTE = 0.08
"""Share of the score that each action beyond those of the reference costs."""
MOST_WASTE = 0.6
"""The most that wasted actions can cost."""

WORLD = np.dtype(
    [
        # The task: written by the generator, constant during an episode. A set of literals is a word of 32
        # bits: bit a for atom a, bit 16 + a for its negation.
        ("key", np.uint64),
        ("literals", np.uint32, (MAX_PREMISES,)),  # as a clause (conditions negated), or members of a group
        ("conditions", np.uint32, (MAX_PREMISES,)),  # what has to hold for a rule or disjunction to bite
        ("kind", np.uint8, (MAX_PREMISES,)),
        ("role", np.uint8, (MAX_PREMISES,)),  # which argument a premise belongs to
        ("order", np.uint8, (MAX_PREMISES,)),  # and its place there
        ("shown", np.int8, (MAX_LITERALS, MAX_PREMISES)),  # literals as signed numbers from 1, 0 for none
        ("facts", np.uint32),  # literals known from the start
        ("query", np.uint32),
        ("atoms", np.uint32),  # literals, of either sign, of the atoms that occur
        ("positive", np.uint32),  # one literal of each atom: with these, every rule is a Horn clause
        ("proof", np.uint32),  # bit i is set for premises of the proof, or of a minimal set in contradiction
        ("model", np.uint32, (2,)),  # models of the premises: one with the query true, one with it false
        ("family", np.uint8),
        ("status", np.uint8),
        ("num_premises", np.int32),
        ("argument_length", np.int32),
        ("num_constraints", np.int32),  # used together in an argument
        ("num_distractors", np.int32),
        ("stated", np.float32),  # share of what incomplete arguments need that is stated
        ("needs_split", np.uint8),  # bit 0: the common part of the arguments has case splits; bit 1: branches
        ("junction", np.uint32),  # the literal at which the arguments part
        ("reference_actions", np.int32),
        # The episode: changed by actions.
        ("known", np.uint32, (MAX_DEPTH + 1,)),  # literals known at each depth of assumptions
        ("assumed", np.uint32, (MAX_DEPTH + 1,)),  # the literal assumed at each depth
        ("depth", np.uint32),
        ("contradiction", np.int32),  # 1 when a premise was found violated at this depth
        ("reached", np.uint8, (2,)),  # 1 when a model with the query true, or false, was reached
        ("supposed", np.uint32),  # the literal of each atom that was last assumed
        ("applied", np.uint32),  # bit i is set when premise i was of use
        ("in_vain", np.uint32),  # bit i is set when premise i was of no use since knowledge last changed
        ("useless", np.int32),  # actions that brought nothing
        ("splits", np.int32),  # assumptions that were refuted
        ("steps", np.int32),
        ("illegal_actions", np.int32),
        ("over", np.int8),
        # How it went.
        ("answer", np.int8),  # status answered, or -1
        ("wasted_actions", np.int32),  # beyond those of the reference
        ("correct", np.bool_),
        ("solved", np.bool_),  # correct and shown in full
        ("support", np.float64),  # of the answer
        ("score", np.float64),
        ("confidence", np.float64),  # probability stated for the answer to be right; not a number until then
        ("brier", np.float64),
    ],
    align=True,
)

# Places in the scratch array of uint32 words: one for each premise, derived by ``survey``.
OPEN = 0  # literals whose truth is not known
FALSE = OPEN + MAX_PREMISES  # literals known to be false
PENDING = FALSE + MAX_PREMISES  # 1 unless the premise is satisfied
SCRATCH = PENDING + MAX_PREMISES


# --- Sets of literals --------------------------------------------------------------------------------


@kernel
def negated(literals: Any) -> Any:
    """The negations of a set of literals."""
    return np.uint32((literals >> np.uint32(16)) | (literals << np.uint32(16)))


@kernel
def several(literals: Any) -> Any:
    """Whether a set holds two literals or more."""
    return (literals & (literals - np.uint32(1))) != 0


@kernel
def number_of(literals: Any) -> Any:
    """How many literals a set holds."""
    pairs = literals - ((literals >> np.uint32(1)) & np.uint32(0x55555555))
    nibbles = (pairs & np.uint32(0x33333333)) + ((pairs >> np.uint32(2)) & np.uint32(0x33333333))
    octets = (nibbles + (nibbles >> np.uint32(4))) & np.uint32(0x0F0F0F0F)
    return np.uint32(octets * np.uint32(0x01010101)) >> np.uint32(24)


# --- What a premise says in a state of knowledge -----------------------------------------------------


@kernel
def consequences(kind: Any, literals: Any, known: Any) -> Any:
    """What follows from one premise: a set of new literals, empty if nothing; all ones if it is violated.

    Args:
        kind: RULE, DISJUNCTION, GROUP or ABSENT.
        literals: uint32, those of the premise as a clause, or the members of a group.
        known: uint32, literals known to be true.
    """
    true = literals & known
    open_ones = literals & ~known & ~negated(known)
    if kind == GROUP:
        if true != 0:
            return np.uint32(0xFFFFFFFF) if several(true) else negated(open_ones)
    elif true != 0:
        return np.uint32(0)
    if open_ones == 0:
        return np.uint32(0xFFFFFFFF)
    return np.uint32(0) if several(open_ones) else open_ones


@kernel
def is_satisfied(kind: Any, literals: Any, known: Any) -> Any:
    """Whether nothing that may yet become known can violate a premise."""
    true = literals & known
    if kind == GROUP:
        return (true != 0) & (not several(true)) & (true | (literals & negated(known)) == literals)
    return (true != 0) | (kind == ABSENT)


@kernel
def survey(world: Any, scratch: Any) -> None:
    """Look at every premise; note a model that has been reached.

    It is reached where the query is decided, nothing more follows, and no disjunction or group leaves open
    which of several alternatives holds. What is left then are clauses with an open condition and at most
    one open alternative: with every open atom false (in the polarity of ``positive``), all of them hold.
    """
    known = world.known[world.depth]
    unknown = ~(known | negated(known))
    settled = np.uint32(1)
    for i in range(MAX_PREMISES):
        literals = world.literals[i]
        kind = world.kind[i]
        true = literals & known
        open_ones = literals & unknown
        false = literals & negated(known)
        group = np.uint32(kind == GROUP)
        one_true = np.uint32(true != 0)
        many_true = np.uint32(several(true))
        none_open = np.uint32(open_ones == 0)
        many_open = np.uint32(several(open_ones))
        # A clause needs a true literal; a group one true literal, and all others false.
        satisfied = one_true & ((group ^ np.uint32(1)) | (none_open & (many_true ^ np.uint32(1))))
        satisfied |= np.uint32(kind == ABSENT)
        alternatives = open_ones & ~negated(world.conditions[i])
        choice = group | np.uint32(several(alternatives))
        settled &= satisfied | (many_open & (choice ^ np.uint32(1)))
        scratch[OPEN + i] = open_ones
        scratch[FALSE + i] = false
        scratch[PENDING + i] = satisfied ^ np.uint32(1)
    query_true = known & world.query != 0
    query_false = known & negated(world.query) != 0
    model = (settled == 1) & (world.contradiction == 0)
    world.reached[0] |= model & query_true
    world.reached[1] |= model & query_false


# --- What is legal -----------------------------------------------------------------------------------


@kernel
def legal_actions(world: Any, scratch: Any, mask: Any) -> None:
    """Write the action mask from the survey in ``scratch``.

    Any premise that is not satisfied may be applied, whether or not something follows from it.
    """
    known = world.known[world.depth]
    answering = world.answer < 0
    thinking = answering & (world.contradiction == 0)
    for i in range(MAX_PREMISES):
        mask[APPLY + i] = (scratch[PENDING + i] != 0) & thinking
    free = world.atoms & ~(known | negated(known))
    if (not thinking) | (world.depth == MAX_DEPTH):
        free = np.uint32(0)
    for literal in range(2 * MAX_ATOMS):
        mask[ASSUME + literal] = (free >> np.uint32(literal)) & np.uint32(1)
    mask[RETRACT] = (world.depth > 0) & answering
    for status in range(NUM_STATUSES):
        mask[ANSWER + status] = answering
    for level in range(NUM_LEVELS):
        mask[CONFIDE + level] = not answering


@kernel
def is_legal(world: Any, action: Any) -> Any:
    """Whether one action is legal now; any integer is allowed."""
    if action < 0 or action >= NUM_ACTIONS:
        return False
    if action >= CONFIDE:
        return world.answer >= 0
    if world.answer >= 0:
        return False
    if action >= ANSWER:
        return True
    if action == RETRACT:
        return world.depth > 0
    if world.contradiction != 0:
        return False
    known = world.known[world.depth]
    if action < ASSUME:
        i = action - APPLY
        return not is_satisfied(world.kind[i], world.literals[i], known)
    free = world.atoms & ~(known | negated(known))
    return (world.depth < MAX_DEPTH) & ((free >> np.uint32(action - ASSUME)) & np.uint32(1) != 0)


# --- What an action does -----------------------------------------------------------------------------


@kernel
def apply_premise(world: Any, i: Any) -> None:
    """Draw what follows from one premise at the present depth."""
    found = consequences(world.kind[i], world.literals[i], world.known[world.depth])
    bit = np.uint32(1) << np.uint32(i)
    if found == 0:
        world.in_vain |= bit
        world.useless += 1
        return
    world.applied |= bit
    world.in_vain = 0
    if found == np.uint32(0xFFFFFFFF):
        world.contradiction = 1
    else:
        world.known[world.depth] |= found


@kernel
def assume(world: Any, literal: Any) -> None:
    """Suppose a literal, one depth further."""
    known = world.known[world.depth]
    world.depth += 1
    world.assumed[world.depth] = literal
    world.known[world.depth] = known | literal
    world.supposed = literal | (world.supposed & ~negated(literal))
    world.in_vain = 0


@kernel
def retract(world: Any) -> None:
    """Give up the last assumption; if it led to a contradiction, its negation is known."""
    refuted = world.contradiction
    assumed = world.assumed[world.depth]
    world.depth -= 1
    world.contradiction = 0
    world.in_vain = 0
    if refuted:
        world.known[world.depth] |= negated(assumed)
        world.splits += 1


@kernel
def is_shown(world: Any, status: Any) -> Any:
    """Whether a status is shown: by a proof or a contradiction without assumptions, or by two models."""
    if status == UNKNOWN:
        return world.reached[0] & world.reached[1] != 0
    if status == INCONSISTENT:
        return (world.contradiction != 0) & (world.depth == 0)
    query = negated(world.query) if status == REFUTED else world.query
    return world.known[0] & query != 0


@kernel
def support(world: Any, status: Any) -> Any:
    """How far a right status has been shown: 1 in full, else according to the share of the certificate.

    The certificate is the pair of models of "unknown", or the premises of the proof (of the contradiction).
    """
    if is_shown(world, status):
        return 1.0
    if status == UNKNOWN:
        return PARTIAL * (world.reached[0] + world.reached[1]) / 2
    return PARTIAL * number_of(np.uint32(world.applied & world.proof)) / max(1, number_of(world.proof))


@kernel
def grade(world: Any) -> None:
    """Score the answer: a right status, with its support, without waste."""
    shown = support(world, world.answer)
    # The confidence that is still to be stated is one of the reference's actions.
    wasted = max(0, world.steps + 1 - world.reference_actions)
    world.correct = world.answer == world.status
    world.solved = world.correct and shown == 1.0
    world.support = shown
    if world.correct:
        world.score = (BARE + (1 - BARE) * shown) * (1 - min(WASTE * wasted, MOST_WASTE))


@kernel
def take_action(world: Any, action: Any, scratch: Any) -> Any:
    """Take any action, legal or not, and survey what came of it; return the reward."""
    world.steps += 1
    reward = 0.0
    if not is_legal(world, action):
        world.illegal_actions += 1
    elif action < ASSUME:
        apply_premise(world, action - APPLY)
    elif action < RETRACT:
        assume(world, np.uint32(1) << np.uint32(action - ASSUME))
    elif action == RETRACT:
        retract(world)
    elif action < CONFIDE:
        world.answer = action - ANSWER
        grade(world)
        reward = world.score
    else:
        world.confidence = CONFIDENCE[action - CONFIDE]
        world.brier = (world.confidence - world.correct) ** 2
        world.over = 1
    world.wasted_actions = max(0, world.steps - world.reference_actions)
    world.over |= world.steps >= STEP_LIMIT
    survey(world, scratch)
    return reward


@kernel
def begin(world: Any) -> None:
    """Start of an episode: the facts are known, nothing is assumed."""
    for depth in range(MAX_DEPTH + 1):
        world.known[depth] = world.facts
        world.assumed[depth] = 0
    world.depth = 0
    world.contradiction = 0
    world.reached[0] = 0
    world.reached[1] = 0
    world.supposed = 0
    world.applied = 0
    world.in_vain = 0
    world.useless = 0
    world.splits = 0
    world.steps = 0
    world.illegal_actions = 0
    world.over = 0
    world.answer = -1
    world.wasted_actions = 0
    world.correct = False
    world.solved = False
    world.support = 0.0
    world.score = 0.0
    world.confidence = np.nan
    world.brier = np.nan


# --- What an agent sees ------------------------------------------------------------------------------

PREMISE_FEATURES = (
    *(f"literal {n}: number of the atom / 16, negative if negated, 0 if none" for n in range(1, 5)),
    "1 if it is a rule",
    "1 if it is a disjunction",
    "1 if it is an exactly-one group",
    "1 if it is satisfied",
    "1 if the query is among its literals, -1 if its negation is",
    "1 if it was of use in this episode",
    "1 if it was applied in vain since knowledge last changed",
)
PREMISE_HINTS = (
    "literals whose truth is not known / 4",
    "literals known to be false / 4",
    "1 if it leaves open which of several alternatives holds",
)
ATOM_FEATURES = (
    "1 if it is known to be true, -1 if false",
    "1 if the atom occurs in this task",
    "1 if it is assumed to be true, -1 if false",
    "1 if it was assumed to be true when it was last assumed, -1 if to be false",
    "1 if it is the query, -1 if its negation is",
)
GLOBAL_FEATURES = (
    "1 without assumptions",
    "1 at depth 1",
    "1 at depth 2",
    "1 at depth 3 or more",
    "1 if a premise was found violated",
    "1 if a model with the query true was reached",
    "1 if a model with the query false was reached",
    "1 if the query is known to be true, -1 if false",
    "the same without assumptions",
    "1 if the query was the last assumption, -1 if its negation was",
    "steps left / 40",
    "premises / 24",
    "1 if the answer is given and its confidence asked for",
    "1 if the answer was entailed",
    "1 if the answer was refuted",
    "1 if the answer was unknown",
    "1 if the answer was inconsistent",
)
# One block for each feature: the globals, then 16 atoms for each feature, then 24 premises for each.
ATOMS_AT = len(GLOBAL_FEATURES)
PREMISES_AT = ATOMS_AT + MAX_ATOMS * len(ATOM_FEATURES)
HINTS_AT = PREMISES_AT + MAX_PREMISES * len(PREMISE_FEATURES)
NUM_FEATURES = HINTS_AT
NUM_FEATURES_WITH_HINTS = HINTS_AT + MAX_PREMISES * len(PREMISE_HINTS)

_QUARTER = np.float32(1 / 4)
_SIXTEENTH = np.float32(1 / 16)


@kernel
def sign(literals: Any, literal: Any) -> Any:
    """1 if a literal is in a set, -1 if its negation is, else 0."""
    return np.float32(literals & literal != 0) - np.float32(literals & negated(literal) != 0)


@kernel
def observe_globals(world: Any, features: Any) -> None:
    """Assumptions, the query, models reached, time, the answer."""
    depth = world.depth
    features[0] = depth == 0
    features[1] = depth == 1
    features[2] = depth == 2
    features[3] = depth > 2
    features[4] = world.contradiction
    features[5] = world.reached[0]
    features[6] = world.reached[1]
    features[7] = sign(world.known[depth], world.query)
    features[8] = sign(world.known[0], world.query)
    features[9] = sign(world.assumed[depth], world.query) * np.float32(depth > 0)
    features[10] = np.float32(STEP_LIMIT - world.steps) * np.float32(1 / STEP_LIMIT)
    features[11] = np.float32(world.num_premises) * np.float32(1 / MAX_PREMISES)
    features[12] = world.answer >= 0
    for status in range(NUM_STATUSES):
        features[13 + status] = world.answer == status


@kernel
def observe_premises(world: Any, scratch: Any, features: Any) -> None:
    """Literals, kind and state of each premise, from the survey in ``scratch``."""
    at = PREMISES_AT
    for n in range(MAX_LITERALS):
        for i in range(MAX_PREMISES):
            features[at + i] = np.float32(world.shown[n, i]) * _SIXTEENTH
        at += MAX_PREMISES
    query = world.query
    for i in range(MAX_PREMISES):
        kind = world.kind[i]
        bit = np.uint32(i)
        features[at + i] = kind == RULE
        features[at + MAX_PREMISES + i] = kind == DISJUNCTION
        features[at + 2 * MAX_PREMISES + i] = kind == GROUP
        features[at + 3 * MAX_PREMISES + i] = np.float32(scratch[PENDING + i] ^ np.uint32(1))
        features[at + 4 * MAX_PREMISES + i] = sign(world.literals[i], query)
        features[at + 5 * MAX_PREMISES + i] = np.float32((world.applied >> bit) & np.uint32(1))
        features[at + 6 * MAX_PREMISES + i] = np.float32((world.in_vain >> bit) & np.uint32(1))


@kernel
def observe_hints(world: Any, scratch: Any, features: Any) -> None:
    """What a look at the literals of each premise would tell."""
    for i in range(MAX_PREMISES):
        open_ones = scratch[OPEN + i]
        alternatives = open_ones & ~negated(world.conditions[i])
        choice = scratch[PENDING + i] & np.uint32(several(alternatives)) & np.uint32(world.kind[i] != RULE)
        features[HINTS_AT + i] = np.float32(number_of(np.uint32(open_ones))) * _QUARTER
        features[HINTS_AT + MAX_PREMISES + i] = np.float32(number_of(scratch[FALSE + i])) * _QUARTER
        features[HINTS_AT + 2 * MAX_PREMISES + i] = np.float32(choice)


@kernel
def observe_atoms(world: Any, features: Any) -> None:
    """What is known, assumed and asked of each atom."""
    known = world.known[world.depth]
    assumed = np.uint32(0)
    for depth in range(1, world.depth + 1):
        assumed |= world.assumed[depth]
    for atom in range(MAX_ATOMS):
        literal = np.uint32(1) << np.uint32(atom)
        at = ATOMS_AT + atom
        features[at] = sign(known, literal)
        features[at + MAX_ATOMS] = np.float32(world.atoms & literal != 0)
        features[at + 2 * MAX_ATOMS] = sign(assumed, literal)
        features[at + 3 * MAX_ATOMS] = sign(world.supposed, literal)
        features[at + 4 * MAX_ATOMS] = sign(world.query, literal)


@kernel
def observe_world(world: Any, scratch: Any, features: Any, mask: Any) -> None:
    """Write one row of the observation and of the mask, from the survey in ``scratch``.

    Hints are written if there is room for them.
    """
    observe_globals(world, features)
    observe_premises(world, scratch, features)
    observe_atoms(world, features)
    if len(features) == NUM_FEATURES_WITH_HINTS:
        observe_hints(world, scratch, features)
    legal_actions(world, scratch, mask)


# --- Batches: the only functions called from Python --------------------------------------------------


@entry_point
def observe_batch(worlds: Any, rows: Any, features: Any, masks: Any) -> None:
    """Write observations and masks of some rows.

    Args:
        worlds: WORLD (n,).
        rows: int64 (m,), the rows to write.
        features: float32 (n, NUM_FEATURES or NUM_FEATURES_WITH_HINTS), written.
        masks: int8 (n, NUM_ACTIONS), written.
    """
    scratch = np.empty(SCRATCH, np.uint32)
    for row in rows:
        survey(worlds[row], scratch)
        observe_world(worlds[row], scratch, features[row], masks[row])


@entry_point
def step_one(worlds: Any, action: Any, features: Any, mask: Any) -> Any:
    """Step a batch of one.

    Args:
        worlds: WORLD (1,), changed.
        action: any integer.
        features: float32 (NUM_FEATURES or NUM_FEATURES_WITH_HINTS,), written.
        mask: int8 (NUM_ACTIONS,), written.

    Returns:
        The reward, and whether the episode is over.
    """
    scratch = np.empty(SCRATCH, np.uint32)
    world = worlds[0]
    reward = take_action(world, action, scratch)
    observe_world(world, scratch, features, mask)
    return reward, world.over == 1


@entry_point
def step_batch(
    worlds: Any, actions: Any, active: Any, features: Any, masks: Any, rewards: Any, ends: Any
) -> None:
    """Step every active row; write observation, mask, reward and end of every row.

    Args:
        worlds: WORLD (n,), changed.
        actions: int64 (n,), any integers.
        active: bool (n,): rows whose episode goes on.
        features: float32 (n, NUM_FEATURES or NUM_FEATURES_WITH_HINTS), written.
        masks: int8 (n, NUM_ACTIONS), written.
        rewards: float64 (n,), written: 0 where not active.
        ends: bool (n,), written: True where an episode ended in this step.
    """
    scratch = np.empty(SCRATCH, np.uint32)
    for row in range(len(worlds)):
        world = worlds[row]
        rewards[row] = 0.0
        if active[row]:
            rewards[row] = take_action(world, actions[row], scratch)
        else:
            survey(world, scratch)
        observe_world(world, scratch, features[row], masks[row])
        ends[row] = active[row] & (world.over == 1)
