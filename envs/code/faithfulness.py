"""How far a package is the given one laid out anew: the same logic, written once, where it was.

A refactoring moves, shares and names what is there. What public functions compute is therefore compared as
forms, with private functions and constants replaced by what they stand for, and public ones by their names:
extracting, inlining, merging and moving change none of them, nor do variables, statements instead of
expressions, or the order of terms. Tables of answers, expressions disguised as others, copies of a function,
and functions that have moved out of their modules leave traces here.
"""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from etude_gym.envs.code.exercise import Files
from etude_gym.envs.code.submissions.forms import CALL, Form, Forms
from etude_gym.envs.code.submissions.linker import resolve_files
from etude_gym.envs.code.submissions.namespace import Module, follow, linked_name
from etude_gym.envs.code.submissions.reading import Reader, Value, is_stored

Name = tuple[str, str]
"""Module and name of a public function."""

CHANGE = 0.1
"""Share of the logic whose change or copying costs everything."""
FREE_MOVES, MOVES = 0.25, 0.4
"""Share of the logic that may leave its module for nothing, and that costs everything."""

MAX_ROUNDS = 4
"""How often a package is read at most, to find what says the same as a public function."""

_SIZE_OF_CALL = 2


@dataclass(frozen=True)
class Faithfulness:
    """What became of the logic of a package.

    Attributes:
        new: forms that public functions have come to have.
        saved: expressions that were written several times and are written less often now.
        concealed: pairs of a function and another one, of which the first depends on the second, by what it
            did or by way of a function that was made for nothing else, and does not say so.
        share: from 1, where the logic is the same, is where it was and is written no more often, to 0.
    """

    new: int
    saved: int
    concealed: frozenset[tuple[Name, Name]]
    share: float


@dataclass
class _Logic:
    """What a package computes.

    Attributes:
        trees: for each public function, by its name, the forms that it is made of.
        written: how often each form is written.
        places: the modules that each form is written in.
        owner: for forms that are written in a public function its module.
        texts: the forms that are written in each part, by the linked names that it defines.
        functions: for each function that says itself what it returns, that form, and of how many it is made.
        passing: functions that only pass on what another one returns.
        roots: what each function returns, by its linked name.
        uses: what each function or constant of the package refers to, all by their linked names.
        names: public functions by their linked names.
    """

    trees: dict[Name, set[Form]] = field(default_factory=dict)
    written: Counter[Form] = field(default_factory=Counter)
    places: dict[Form, set[str]] = field(default_factory=lambda: defaultdict(set))
    owner: dict[Form, str] = field(default_factory=dict)
    texts: dict[str, list[Form]] = field(default_factory=dict)
    functions: dict[Form, int] = field(default_factory=dict)
    passing: set[str] = field(default_factory=set)
    roots: dict[str, Form] = field(default_factory=dict)
    uses: dict[str, set[str]] = field(default_factory=dict)
    names: dict[str, Name] = field(default_factory=dict)

    def live(self) -> Counter[Form]:
        """How often each form is written, without what no public function uses."""
        found, left = set(self.names), [*self.names]
        while left:
            left += (new := self.uses.get(left.pop(), set()) - found)
            found |= new
        return Counter(form for name in found for form in self.texts.get(name, []))

    def reached(self, start: str, through_public: bool) -> set[Name]:
        """Public functions that a function calls, itself or by way of private ones, or of any."""
        found: set[str] = set()
        left = [start]
        while left:
            for name in self.uses.get(left.pop(), set()) - found:
                found.add(name)
                if through_public or name not in self.names:
                    left.append(name)
        return {self.names[name] for name in found if name in self.names}


def compare(given: Files, now: Files, public: Collection[Name]) -> Faithfulness:
    """Compare the logic of two packages.

    Args:
        given: the package that was given.
        now: the submitted package.
        public: module and name of each public function; both packages have them.

    Raises:
        Refused: if a package is not fit to be run, or too complex to be compared.
    """
    forms, before = _given(tuple(given.items()), tuple(public))
    after = _logic(forms.copy(), now, public)
    total = sum(map(len, before.trees.values()))
    new = lost = 0
    for name, tree in before.trees.items():
        tree_now = after.trees.get(name, set())
        new += len(tree_now - tree)
        lost += len(tree - tree_now)
    change = (max(new, lost) + _copied(before, after)) / max(total, 1)
    moved = max(0.0, _moved(before, after) - FREE_MOVES) / (MOVES - FREE_MOVES)
    share = max(0.0, 1 - change / CHANGE) * max(0.0, 1 - moved)
    saved = sum(max(0, count - after.written[form]) for form, count in before.written.items() if count > 1)
    concealed = _dropped(before, after) | _passed_on(before, after)
    return Faithfulness(new, saved, frozenset(concealed), share)


def _dropped(before: _Logic, after: _Logic) -> set[tuple[Name, Name]]:
    """Calls that are gone: what was called is copied, said otherwise or left out; and functions that are
    only imported where they should be."""
    linked = {name: start for start, name in after.names.items()}
    return {
        (name, other)
        for start, name in before.names.items()
        for other in before.reached(start, False) - after.reached(linked[name], True)
    } | {(name, _name(start)) for start, name in after.names.items() if _name(start)[0] != name[0]}


def _passed_on(before: _Logic, after: _Logic) -> set[tuple[Name, Name]]:
    """What functions use by way of private ones in front of it, which say nothing that was said before.

    A function that was there may have come to pass on what another one returns.
    """
    old = {_name(linked)[1] for linked in before.roots}
    times = Counter(_name(linked)[1] for linked in after.roots)
    front = {
        linked
        for linked, root in after.roots.items()
        if linked not in after.names
        and (linked in after.passing or not before.written[root])
        and not (before.written[root] and _name(linked)[1] in old and times[_name(linked)[1]] == 1)
    }
    front |= after.uses.keys() - after.roots.keys() - before.uses.keys()
    return {
        (_name(user), _name(other))
        for user, used in after.uses.items()
        for name in used & front
        for other in after.uses[name] - used
        if other in after.roots and _name(other)[0] not in (_name(user)[0], "")
    }


def _name(linked: str) -> Name:
    module, _, name = linked.partition("__")
    return module, name


def _copied(before: _Logic, after: _Logic) -> int:
    """Forms in functions that were written once and are written elsewhere now as well."""
    now = after.live()
    return sum(
        (now[form] - 1) * size
        for form, size in after.functions.items()
        if now[form] > 1 and before.written[form] == 1
    )


def _moved(before: _Logic, after: _Logic) -> float:
    """Share of what public functions alone said that is said in other modules only now; all of it where
    nothing of that is left in half of the modules but for one."""
    kept: dict[str, list[bool]] = defaultdict(list)
    for form, home in before.owner.items():
        if before.written[form] == 1 and form in after.places:
            kept[home].append(home in after.places[form])
    emptied = sum(not any(module) for module in kept.values())
    if emptied and 2 * emptied >= len(kept) - 1:
        return 1.0
    everything = [stays for module in kept.values() for stays in module]
    return everything.count(False) / max(1, len(everything))


# --- Reading a package -------------------------------------------------------------------------------


@lru_cache(256)
def _given(files: tuple[tuple[str, str], ...], public: tuple[Name, ...]) -> tuple[Forms, _Logic]:
    """What a package that was given computes; many are compared with the same one."""
    forms = Forms()
    return forms, _logic(forms, dict(files), public)


def _logic(forms: Forms, files: Files, public: Collection[Name]) -> _Logic:
    """What a package computes. What says the same as a public function goes by its name, until that is so
    throughout."""
    modules = resolve_files(files)
    names = {linked_name(*_home(modules, *function)): function for function in public}
    known: dict[Form, Form] = {}
    for _ in range(MAX_ROUNDS):
        forms.names = known
        found, logic = _read(forms, modules, names)
        if found == known:
            break
        known = found
    forms.names = {}
    return logic


def _home(modules: Mapping[str, Module], module: str, name: str) -> tuple[str, str]:
    home, found = follow(modules, module, name)
    return home, found or name


def _read(
    forms: Forms, modules: Mapping[str, Module], names: dict[str, Name]
) -> tuple[dict[Form, Form], _Logic]:
    """What a package computes, and by which calls the forms go that its public functions return."""
    calls = {linked: ".".join(name) for linked, name in names.items()}
    reader, logic = Reader(forms, modules, calls.get), _Logic(names=names)
    found: dict[Form, Form] = {}
    for module in modules.values():
        for statement in module.tree.body:
            root, values = reader.read([statement])
            _note_text(logic, module.name, statement, [value.form for value in values])
            if isinstance(statement, ast.FunctionDef) and root is not None:
                found |= _note_function(forms, logic, statement.name, root, values)
    return found, logic


def _note_text(logic: _Logic, module: str, statement: ast.stmt, written: list[Form]) -> None:
    """Note what is written in a statement at top level, and what it uses."""
    logic.written.update(written)
    for form in written:
        logic.places[form].add(module)
    nodes = [node for node in ast.walk(statement) if isinstance(node, ast.Name) and "__" in node.id]
    stored = {node.id for node in nodes if is_stored(node)}
    for user in {getattr(statement, "name", ""), *stored}:
        logic.texts[user] = written
        logic.uses[user] = {node.id for node in nodes if not is_stored(node)}
        if user in logic.names:
            logic.owner.update(dict.fromkeys(written, module))


def _note_function(
    forms: Forms, logic: _Logic, linked: str, root: Form, values: list[Value]
) -> dict[Form, Form]:
    """Note what a function returns; if it is public, the form of that, and the call by which it goes."""
    logic.roots[linked] = root
    whole = {call: form for form, call in forms.names.items()}.get(root, root)
    sizes = [value.size for value in values if value.form == root]
    if sizes:
        logic.functions[root] = len(forms.tree(whole))
    if max(sizes, default=0) <= _SIZE_OF_CALL:
        logic.passing.add(linked)
    if linked not in logic.names:
        return {}
    name = logic.names[linked]
    call = forms.make(CALL, ".".join(name), (), parts=[forms.make("variable", 0)])
    said = whole if root == call else root
    logic.trees[name] = forms.tree(said)
    return {} if forms.kind(said) in (CALL, "constant", "variable") else {said: call}
