"""How large the values of a program can get, and how much it can compute, read off its derivation.

Nothing is run: every list is taken to hold 16 numbers, every branch to be taken, every number to be as large
as it can be. Whole numbers are Python's, without a limit.
"""

from __future__ import annotations

from dataclasses import dataclass

from etude_gym.envs.code.language.grammar import (
    BOOL,
    FIRST_LET,
    INT,
    LIST,
    NUM_HOLES,
    PRODUCTIONS,
    STATEMENTS,
    STR,
)

LENGTH = 16
LARGEST_INPUT = 127


@dataclass
class Bounds:
    """The largest of each that was met: absolute value, characters of a text, values on a stack at a time."""

    number: int = 0
    text: int = 0
    numbers_on_stack: int = 0
    sequences_on_stack: int = 0
    operations: int = 0


class Program:
    """A derivation as a tree, bounded from above.

    Args:
        tokens: a complete program.
        category: what it returns.

    Attributes:
        bounds: what was found.
    """

    def __init__(self, tokens, category):
        self.tokens, self.category = tokens, category
        self.bounds = Bounds()
        self.helpers = []  # trees
        self.variables = [(LIST, LARGEST_INPUT), (INT, LARGEST_INPUT)]
        self.calls = {}  # bounds of helpers, by number and bound of the argument
        position = 0
        while position < len(tokens):
            name = PRODUCTIONS[tokens[position]].name
            holes, start = [], position
            position += 1
            for _ in range(NUM_HOLES[tokens[start]]):
                tree, position = self.read(position)
                holes.append(tree)
            self.bounds.operations += self.statement(name, holes)

    def read(self, position):
        """The tree of an expression, as (name, holes), and where it ends."""
        name, holes = PRODUCTIONS[self.tokens[position]].name, []
        assert PRODUCTIONS[self.tokens[position]].category != STATEMENTS
        end = position + 1
        for _ in range(NUM_HOLES[self.tokens[position]]):
            tree, end = self.read(end)
            holes.append(tree)
        return (name, holes), end

    # --- Statements ---

    def statement(self, name, holes):
        """Take note of what a statement declares; returns its operations."""
        if name.startswith("DEFINE"):
            self.helpers.append(holes[0])
            return 0
        if name == "ASSIGN_IF":
            (target, _), condition, value = holes
            (_, work), (bound, more) = self.bound(condition), self.bound(value)
            number = int(target.removeprefix("VARIABLE_"))
            self.variables[number] = (INT, max(self.variables[number][1], bound))
            return 1 + work + more
        if name in ("RETURN", "GUARD", "LET_INT", "LET_STR", "LET_LIST"):
            parts = [self.bound(hole) for hole in holes]
            declared = {"LET_INT": INT, "LET_STR": STR, "LET_LIST": LIST}.get(name)
            if declared is not None:
                self.variables.append((declared, parts[0][0]))
            return 1 + sum(work for _, work in parts)
        return self.loop(name, holes)

    def loop(self, name, holes):
        """The same for loops and comprehensions."""
        items, work = self.bound(holes[0])
        if name == "FOR_FOLD":
            start, first = self.bound(holes[1])
            self.variables.append((INT, start))
            for _ in range(LENGTH):
                bound, more = self.bound(holes[2], items)
                self.variables[-1] = (INT, max(self.variables[-1][1], bound))
                work += more
            return 1 + work + first
        bodies = [self.bound(hole, items) for hole in holes[1:]]
        work += 1 + LENGTH * sum(1 + more for _, more in bodies)
        last = bodies[-1][0]
        if name == "LET_MAP":
            self.variables.append((LIST, last))
        elif name == "LET_FILTER":
            self.variables.append((LIST, items))
        elif name == "FOR_TEXT":
            self.variables.append((STR, self.text(LENGTH * last)))
        else:
            assert name in ("FOR_ADD", "FOR_ADD_IF")
            self.variables.append((INT, self.number(LENGTH * last)))
        return work

    # --- Expressions ---

    def number(self, bound):
        self.bounds.number = max(self.bounds.number, bound)
        return bound

    def text(self, bound):
        self.bounds.text = max(self.bounds.text, bound)
        return bound

    def bound(self, tree, item=0, parameter=0):
        """How large the value of an expression can be, and how many operations it takes.

        Of a list the bound is that of its elements, of a text its length, of a truth value 1.
        """
        self.measure_stacks(tree)
        return self.bound_of(tree, item, parameter)

    def bound_of(self, tree, item, parameter):
        name, holes = tree
        parts = [self.bound_of(hole, item, parameter) for hole in holes]
        values, work = [value for value, _ in parts], 1 + sum(more for _, more in parts)
        head, _, suffix = name.rpartition("_")
        if name == "ITEM":
            return self.number(item), work
        if name == "PARAMETER":
            return self.number(parameter), work
        if head == "VARIABLE":
            return self.variables[int(suffix)][1], work + LENGTH
        if head == "LITERAL":
            return int(suffix), work
        if head in ("CALL", "TEST"):
            called = int(suffix)
            if (called, values[0]) not in self.calls:
                self.calls[called, values[0]] = self.bound_of(self.helpers[called], 0, values[0])
            bound, more = self.calls[called, values[0]]
            return bound, work + more
        category = PRODUCTIONS_BY_NAME[name].category
        if category == BOOL:
            return 1, work + LENGTH
        if category == STR:
            bound, more = self.bound_of_text(name, values)
            return self.text(bound), work + more
        if category == LIST:
            return values[0], work + LENGTH * LENGTH
        return self.number(self.bound_of_number(name, values)), work + LENGTH

    def bound_of_text(self, name, values):
        if name == "DIGITS":
            return len(str(-values[0])), 20
        if name == "JOIN":
            return sum(values), sum(values)
        if name == "BACKWARD":
            return values[0], values[0]
        if name == "CHOOSE_TEXT":
            return max(values[1:]), 1
        return {"TEXT_0": 0, "TEXT_1": 1, "TEXT_2": 1}[name], 1

    def bound_of_number(self, name, values):
        if name in ("ADD", "SUBTRACT"):
            return values[0] + values[1]
        if name in ("MULTIPLY", "SCALE"):
            return values[0] * values[1]
        if name in ("SMALLER", "LARGER"):
            return max(values)
        if name == "CHOOSE":
            return max(values[1:])
        if name == "REMAINDER":
            return values[1] - 1
        if name == "SUM":
            return LENGTH * values[0]
        if name in ("LENGTH", "OCCURRENCES"):
            return LENGTH
        assert name in ("FLOOR_DIVIDE", "ABSOLUTE", "LARGEST", "SMALLEST", "TEXT_LENGTH"), name
        return values[0]

    # --- Stacks of the interpreter: expressions are evaluated from right to left ---

    def measure_stacks(self, tree):
        flat = list(walk_backward(tree))
        numbers = sequences = 0
        for name, holes in flat:
            for hole in holes:
                if self.is_sequence(hole):
                    sequences -= 1
                else:
                    numbers -= 1
            if self.is_sequence((name, holes)):
                sequences += 1
            else:
                numbers += 1
            self.bounds.numbers_on_stack = max(self.bounds.numbers_on_stack, numbers)
            # Joining writes above both texts.
            self.bounds.sequences_on_stack = max(self.bounds.sequences_on_stack, sequences + (name == "JOIN"))
        assert numbers + sequences == 1

    def is_sequence(self, tree):
        name = tree[0]
        if name.startswith("VARIABLE_"):
            return self.variables[int(name.removeprefix("VARIABLE_"))][0] in (LIST, STR)
        return PRODUCTIONS_BY_NAME[name].category in (LIST, STR)


def walk_backward(tree):
    """The nodes of a tree from right to left, holes before what they belong to."""
    for hole in reversed(tree[1]):
        yield from walk_backward(hole)
    yield tree


PRODUCTIONS_BY_NAME = {production.name: production for production in PRODUCTIONS}


def bounds_of(tokens, category):
    """The bounds of a program; the first variable that statements declare comes after the parameters."""
    program = Program(tokens, category)
    assert len(program.variables) >= FIRST_LET
    return program.bounds
