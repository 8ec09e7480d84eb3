"""Ways to a good score in restructuring without restructuring, each carried out on any task.

An attack is a function of an exercise; it returns files whose public functions return what they did.
Most hide what functions compute where it might not be seen; others do without it, or say it in other words.
"""

from __future__ import annotations

import ast
import copy
import functools
from collections.abc import Callable, Iterator
from typing import Any

from etude_gym.envs.code.exercise import Exercise, Files

Attack = Callable[[Exercise], Files]
Name = tuple[str, str]

DOMAIN = range(-127, 128)
"""Arguments that tables of answers have answers for."""


class Package:
    """The functions of a package, each one expression of n.

    Args:
        exercise: the task; its files are in the form in which tasks are given.

    Attributes:
        bodies: the expression of each function and constant.
        public: functions that have to stay.
        constants: names of constants.
    """

    def __init__(self, exercise: Exercise) -> None:
        self.bodies: dict[Name, ast.expr] = {}
        self.constants: set[Name] = set()
        self.public = sorted({(test.module, test.function) for test in exercise.hidden + exercise.public})
        for path, source in exercise.files.items():
            module = path.removesuffix(".py")
            for statement in ast.parse(source).body:
                match statement:
                    case ast.FunctionDef(name=name, body=[ast.Return(value=value)]):
                        self.bodies[module, name] = value
                    case ast.Assign(targets=[ast.Name(id=name)], value=value):
                        self.bodies[module, name] = value
                        self.constants.add((module, name))
        self.modules = sorted(path.removesuffix(".py") for path in exercise.files)

    @property
    def functions(self) -> list[Name]:
        return [name for name in self.bodies if name not in self.constants]

    def target(self, module: str, node: ast.AST) -> Name | None:
        """What of the package a node of a module refers to."""
        if isinstance(node, ast.Name) and (module, node.id) in self.bodies:
            return module, node.id
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            return (node.value.id, node.attr) if (node.value.id, node.attr) in self.bodies else None
        return None

    def rewrite(self, name: Name, change: Callable[[Name, ast.AST], ast.AST | None]) -> ast.expr:
        """A body in which references to the package are changed; a call counts as one with its function."""
        return self._changed(name[0], copy.deepcopy(self.bodies[name]), change)

    def _changed(self, module: str, node: Any, change: Callable[[Name, ast.AST], ast.AST | None]) -> Any:
        package = self

        class Change(ast.NodeTransformer):
            def visit_Call(self, node: ast.Call) -> ast.AST:
                found = package.target(module, node.func)
                return self.generic_visit(node) if found is None else change(found, node) or node

            def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
                found = package.target(module, node)
                return node if found is None else change(found, node) or node

            def visit_Name(self, node: ast.Name) -> ast.AST:
                found = package.target(module, node)
                return node if found is None else change(found, node) or node

        return Change().visit(node)

    @functools.cached_property
    def expanded(self) -> dict[Name, ast.expr]:
        """What each function computes, in one expression that uses nothing else."""
        found: dict[Name, ast.expr] = {}

        def expand(name: Name) -> ast.expr:
            if name not in found:
                found[name] = self.rewrite(name, lambda other, _: expand(other))
            return copy.deepcopy(found[name])

        for name in self.bodies:
            expand(name)
        return found

    def text(self, name: Name) -> str:
        return ast.unparse(self.expanded[name])

    def value(self, name: Name, number: int) -> int:
        return self._compiled[name](number)

    @functools.cached_property
    def _compiled(self) -> dict[Name, Callable[[int], int]]:
        return {name: eval(f"lambda n: {self.text(name)}") for name in self.bodies}

    def used_by(self, name: Name) -> Iterator[Name]:
        """What a body refers to."""
        found: list[Name] = []
        self.rewrite(name, lambda other, node: found.append(other))
        yield from dict.fromkeys(found)

    def reached(self, name: Name) -> list[Name]:
        """A function and all that it uses, directly or not."""
        found = [name]
        for each in found:
            found += [other for other in self.used_by(each) if other not in found]
        return found


def files_of(modules: dict[str, list[str]], exercise: Exercise) -> Files:
    """Files with the given lines; what the task has beside them is emptied."""
    return {
        **dict.fromkeys(exercise.files, " "),
        **{f"{name}.py": "\n".join(lines) + "\n" for name, lines in modules.items()},
    }


# --- Everything in each public function, hidden in different places -----------------------------------

HIDING_PLACES = {
    "plain": "def {name}(n):\n    return {e}",
    "default": "def {name}(n, g=lambda n: {e}):\n    return g(n)",
    "keyword default": "def {name}(n, *, g=lambda n: {e}):\n    return g(n)",
    "default of a default": "def {name}(n, g=lambda n, h=lambda n: {e}: h(n)):\n    return g(n)",
    "list of lambdas as default": "def {name}(n, g=[lambda n: {e}]):\n    return g[0](n)",
    "decorator": "@(lambda f: lambda n: {e})\ndef {name}(n):\n    return n",
    "decorator function": (
        "def _d{name}(f):\n    return lambda n: {e}\n@_d{name}\ndef {name}(n):\n    return n"
    ),
    "lambda at top level": "_{name} = lambda n: {e}\ndef {name}(n):\n    return _{name}(n)",
    "annotated lambda": "_{name}: object = lambda n: {e}\ndef {name}(n):\n    return _{name}(n)",
    "dictionary of lambdas": "_{name} = {{0: lambda n: {e}}}\ndef {name}(n):\n    return _{name}[0](n)",
    "list filled at top level": (
        "_{name} = []\n_{name}.append(lambda n: {e})\ndef {name}(n):\n    return _{name}[0](n)"
    ),
    "lambda on the spot": "def {name}(n):\n    return (lambda n: {e})(n)",
    "starred lambda": "def {name}(n):\n    return (lambda *a: (lambda n: {e})(*a))(n)",
    "nested function": "def {name}(n):\n    def g(n):\n        return {e}\n    return g(n)",
    "list comprehension": "def {name}(n):\n    return [{e} for n in [n]][0]",
    "dictionary comprehension": "def {name}(n):\n    return {{0: {e} for n in [n]}}[0]",
    "sum of a generator": "def {name}(n):\n    return sum({e} for n in [n])",
    "assignment expression": "def {name}(n):\n    return (m := {e})",
    "formatted text": "def {name}(n):\n    return int(f'{{{e}}}')",
    "index into a tuple": "def {name}(n):\n    return (0, {e})[1]",
    "and, or": "def {name}(n):\n    return n == n and ({e}) or 0",
    "map": "def {name}(n):\n    return list(map(lambda n: {e}, [n]))[0]",
    "key of max": "def {name}(n):\n    return -min([n], key=lambda m: m) + n + ({e})",
    "reduce": (
        "from functools import reduce\n"
        "def {name}(n):\n    return reduce(lambda v, g: g(v), [lambda n: {e}], n)"
    ),
    "partial": "from functools import partial\ndef {name}(n):\n    return partial(lambda k, n: {e}, 0)(n)",
    "loop": "def {name}(n):\n    for m in [n]:\n        n = m\n    return {e}",
    "while": "def {name}(n):\n    while True:\n        return {e}",
    "try": "def {name}(n):\n    try:\n        return {e}\n    finally:\n        pass",
    "except": (
        "def {name}(n):\n    try:\n        return 1 // 0\n    except ZeroDivisionError:\n        return {e}"
    ),
    "match": "def {name}(n):\n    match n:\n        case n:\n            return {e}",
    "recursion": "def {name}(n, k=0):\n    return ({e}) if k else {name}(n, 1)",
    "assert": "def {name}(n):\n    a = []\n    assert [a.append({e})]\n    return a[0]",
    "unpacking": "def {name}(n):\n    a, *b = {e}, 0\n    return a",
    "augmented assignment": "def {name}(n):\n    m = 0\n    m += {e}\n    return m",
    "condition": "def {name}(n):\n    if (m := {e}) or True:\n        return m\n    return 0",
    "dead code behind": "def {name}(n):\n    return {e}\n    return n",
}


def hide(place: str) -> Attack:
    """Put everything that a public function computes into one place."""

    def attack(exercise: Exercise) -> Files:
        package = Package(exercise)
        modules: dict[str, list[str]] = {}
        for module, name in package.public:
            text = HIDING_PLACES[place].format(name=name, e=package.text((module, name)))
            modules.setdefault(module, []).append(text)
        return files_of(modules, exercise)

    return attack


# --- Everything in each public function, cut into small pieces ----------------------------------------


def _split(expression: ast.expr, prefix: str, most: int = 7) -> list[str]:
    """Functions of at most some expressions that compute one together; the last one is called prefix."""
    lines: list[str] = []

    def size(node: ast.AST) -> int:
        return sum(isinstance(each, ast.expr) for each in ast.walk(node))

    def shrink(node: Any) -> None:
        while size(node) > most:
            parts = [each for each in ast.walk(node) if isinstance(each, ast.expr) and each is not node]
            parts = [
                each for each in parts if 4 <= size(each) < size(node) and not isinstance(each, ast.Compare)
            ]
            if not parts:
                return
            part = max((each for each in parts if size(each) <= most), key=size, default=min(parts, key=size))
            name = f"{prefix}_{len(lines)}"
            lines.append(f"def {name}(n):\n    return {ast.unparse(part)}")
            call = ast.Call(ast.Name(name, ast.Load()), [ast.Name("n", ast.Load())], [])
            _replace(node, part, call)

    expression = copy.deepcopy(expression)
    shrink(expression)
    return [*lines, f"def {prefix}(n):\n    return {ast.unparse(expression)}"]


def _replace(root: ast.AST, old: ast.AST, new: ast.AST) -> None:
    for node in ast.walk(root):
        for field, value in ast.iter_fields(node):
            if value is old:
                setattr(node, field, new)
            elif isinstance(value, list):
                setattr(node, field, [new if each is old else each for each in value])


def split_everything(exercise: Exercise) -> Files:
    """No dependencies, and all in functions of a few expressions."""
    package = Package(exercise)
    modules: dict[str, list[str]] = {}
    for module, name in package.public:
        modules.setdefault(module, []).extend(_split(package.expanded[module, name], name))
    return files_of(modules, exercise)


def one_variable_for_each_operation(exercise: Exercise) -> Files:
    """No dependencies, and no expression of more than one operation."""
    package = Package(exercise)
    modules: dict[str, list[str]] = {}
    for module, name in package.public:
        lines: list[str] = []

        def step(node: Any, lines: list[str] = lines) -> str:
            if isinstance(node, ast.Name | ast.Constant):
                return ast.unparse(node)
            node = copy.copy(node)
            for field, value in ast.iter_fields(node):
                if isinstance(value, ast.expr) and field != "func":
                    setattr(node, field, ast.Name(step(value)))
                elif isinstance(value, list) and field in ("args", "comparators"):
                    setattr(node, field, [ast.Name(step(each)) for each in value])
            lines.append(f"    v{len(lines)} = {ast.unparse(node)}")
            return f"v{len(lines) - 1}"

        last = step(package.expanded[module, name])
        modules.setdefault(module, []).append("\n".join([f"def {name}(n):", *lines, f"    return {last}"]))
    return files_of(modules, exercise)


# --- Copies ------------------------------------------------------------------------------------------


class _Disguise(ast.NodeTransformer):
    """Says the same in other words, in others for each number."""

    def __init__(self, how: Callable[[Any, int], str | None], number: int) -> None:
        self.how, self.number = how, number

    def generic_visit(self, node: ast.AST) -> ast.AST:
        node = super().generic_visit(node)
        text = self.how(node, self.number) if isinstance(node, ast.expr) else None
        return node if text is None else ast.parse(text, mode="eval").body


def _plus_zero(node: Any, number: int) -> str | None:
    if isinstance(node, ast.BinOp | ast.IfExp):
        return f"({ast.unparse(node)})" + " + 0" * number
    return None


def _times_one(node: Any, number: int) -> str | None:
    if isinstance(node, ast.Name) and node.id == "n":
        return "n" + " * 1" * number
    return None


def _commute(node: Any, number: int) -> str | None:
    if number % 2 and isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mult):
        sign = "+" if isinstance(node.op, ast.Add) else "*"
        return f"({ast.unparse(node.right)}) {sign} ({ast.unparse(node.left)})"
    if number % 2 and isinstance(node, ast.Compare) and type(node.ops[0]) in (ast.Gt, ast.Lt, ast.Eq):
        sign = {"Gt": "<", "Lt": ">", "Eq": "=="}[type(node.ops[0]).__name__]
        return f"({ast.unparse(node.comparators[0])}) {sign} ({ast.unparse(node.left)})"
    return None


def _there_and_back(node: Any, number: int) -> str | None:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return f"({ast.unparse(node.left)}) - (-({ast.unparse(node.right)}) - {number}) - {number}"
    if isinstance(node, ast.Name) and node.id == "n":
        return f"(n + {number} - {number})"
    return None


def _other_builtin(node: Any, number: int) -> str | None:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 2 and number % 2:
        other = {"max": "min", "min": "max"}.get(node.func.id)
        arguments = ", ".join(f"-({ast.unparse(each)})" for each in node.args)
        return None if other is None else f"-{other}({arguments})"
    return None


def _shift(node: Any, number: int) -> str | None:
    if isinstance(node, ast.Constant) and type(node.value) is int and number:
        return f"(n + {number} + {node.value} - n - {number})"
    return None


def _bits(node: Any, number: int) -> str | None:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and number:
        a, b = ast.unparse(node.left), ast.unparse(node.right)
        return f"((({a}) ^ ({b})) + 2 * (({a}) & ({b})))" if number % 2 else f"~(~({a}) - ({b}))"
    if isinstance(node, ast.Name) and node.id == "n" and number:
        return "~~n" if number % 2 else "(n ^ 0)"
    return None


def _guarded(node: Any, number: int) -> str | None:
    if isinstance(node, ast.BinOp | ast.IfExp) and number:
        return f"(({ast.unparse(node)}) if n * n >= 0 else {number})"
    return None


def _int_of(node: Any, number: int) -> str | None:
    if isinstance(node, ast.Name) and node.id == "n":
        return "int(" * number + "n" + ")" * number
    return None


DISGUISES: dict[str, Callable[[Any, int], str | None]] = {
    "none": lambda node, number: None,
    "+ 0": _plus_zero,
    "* 1": _times_one,
    "other order": _commute,
    "there and back": _there_and_back,
    "min for max": _other_builtin,
    "shifted constants": _shift,
    "bits": _bits,
    "conditions that hold": _guarded,
    "int of int": _int_of,
}


def copies(disguise: str) -> Attack:
    """Give each module its own copy of everything it uses: no dependencies, no long functions."""

    def attack(exercise: Exercise) -> Files:
        package = Package(exercise)
        modules: dict[str, list[str]] = {}
        for number, module in enumerate(package.modules):
            wanted = [name for name in package.public if name[0] == module]
            needed = dict.fromkeys(each for name in wanted for each in package.reached(name))
            for name in needed:
                body = package.rewrite(name, functools.partial(_local, package, wanted))
                body = _Disguise(DISGUISES[disguise], number).visit(body)
                modules.setdefault(module, []).append(_definition(package, wanted, name, body))
        return files_of(modules, exercise)

    return attack


def _local_name(wanted: list[Name], name: Name) -> str:
    return name[1] if name in wanted else f"{name[0]}_{name[1]}"


def _local(package: Package, wanted: list[Name], name: Name, node: ast.AST) -> ast.AST:
    if name in package.constants:
        return package.bodies[name]
    return ast.Call(ast.Name(_local_name(wanted, name)), [ast.Name("n")], [])


def _definition(package: Package, wanted: list[Name], name: Name, body: ast.expr) -> str:
    if name in package.constants:
        return ""
    return f"def {_local_name(wanted, name)}(n):\n    return {ast.unparse(body)}"


def disguise_in_place(disguise: str) -> Attack:
    """Leave everything where it is, and say it in other words in each function."""

    def attack(exercise: Exercise) -> Files:
        files = {}
        number = 0
        for path, source in exercise.files.items():
            tree = ast.parse(source)
            for statement in tree.body:
                if isinstance(statement, ast.FunctionDef):
                    number += 1
                    _Disguise(DISGUISES[disguise], number).visit(statement)
            files[path] = ast.unparse(ast.fix_missing_locations(tree)) + "\n"
        return files

    return attack


# --- Modules -----------------------------------------------------------------------------------------


def _core(package: Package, prefix: str = "") -> list[str]:
    lines = []
    for name in package.functions:
        body = package.rewrite(
            name,
            lambda other, node: (
                package.bodies[other]
                if other in package.constants
                else ast.Call(ast.Name(prefix + "_".join(other)), [ast.Name("n")], [])
            ),
        )
        lines.append(f"def {prefix}{'_'.join(name)}(n):\n    return {ast.unparse(body)}")
    return lines


def one_module_and_imports(exercise: Exercise) -> Files:
    """One module has everything; the others import their functions from it."""
    package = Package(exercise)
    modules = {"core": _core(package)}
    for module, name in package.public:
        modules.setdefault(module, []).append(f"from core import {module}_{name} as {name}")
    return files_of(modules, exercise)


def one_module_and_calls(exercise: Exercise) -> Files:
    """One module has everything; the functions of the others call it."""
    package = Package(exercise)
    modules = {"core": _core(package)}
    for module, name in package.public:
        lines = modules.setdefault(module, ["import core"])
        lines.append(f"def {name}(n):\n    return core.{module}_{name}(n)")
    return files_of(modules, exercise)


def one_of_the_modules_and_calls(exercise: Exercise) -> Files:
    """One of the modules that are there has everything; the functions of the others call it."""
    package = Package(exercise)
    first = package.modules[0]
    modules = {first: _core(package, "core_")}
    for module, name in package.public:
        lines = modules.setdefault(module, [] if module == first else [f"import {first}"])
        home = "" if module == first else f"{first}."
        lines.append(f"def {name}(n):\n    return {home}core_{module}_{name}(n)")
    return files_of(modules, exercise)


def one_module_and_thin_functions(exercise: Exercise) -> Files:
    """One module has everything but the last operation of each function."""
    package = Package(exercise)
    modules: dict[str, list[str]] = {"core": _core(package)}
    for module, name in package.public:
        lines = modules.setdefault(module, ["import core"])
        lines.append(
            f"def {name}(n):\n    m = core.{module}_{name}(n)\n    if m == 0:\n        return 0\n    return m"
        )
    return files_of(modules, exercise)


def one_function(exercise: Exercise) -> Files:
    """One function computes everything, by number."""
    package = Package(exercise)
    lines = ["def run(k, n):"]
    modules: dict[str, list[str]] = {"core": lines}
    for number, (module, name) in enumerate(package.public):
        lines.append(f"    if k == {number}:\n        return {package.text((module, name))}")
        own = modules.setdefault(module, ["import core"])
        own.append(f"def {name}(n):\n    return core.run({number}, n)")
    return files_of(modules, exercise)


def table_of_functions(exercise: Exercise) -> Files:
    """Functions find each other in a table that all modules fill: nobody imports anybody."""
    package = Package(exercise)
    numbers = {name: number for number, name in enumerate(package.functions)}

    def look_up(other: Name, node: ast.AST) -> ast.AST:
        if other in package.constants:
            return package.bodies[other]
        return _expression(f"core.table[{numbers[other]}](n)")

    modules: dict[str, list[str]] = {"core": ["table = {}"]}
    for name, number in numbers.items():
        lines = modules.setdefault(name[0], ["import core"])
        body = ast.unparse(package.rewrite(name, look_up))
        lines.append(f"def {name[1]}(n):\n    return {body}\ncore.table[{number}] = {name[1]}")
    return files_of(modules, exercise)


def fake_calls(exercise: Exercise) -> Files:
    """Everything is copied, and what was called is called for nothing."""
    package = Package(exercise)
    files = copies("other order")(exercise)
    for module, name in package.public:
        called = [other for other in package.public if other in package.reached((module, name))[1:]]
        if called and called[0][0] != module:
            other = called[0]
            files[f"{module}.py"] = files[f"{module}.py"].replace(
                f"def {name}(n):\n    return ", f"def {name}(n):\n    return 0 * {'.'.join(other)}(n) + "
            )
            files[f"{module}.py"] = f"import {other[0]}\n" + files[f"{module}.py"]
    return files


def private_copies(exercise: Exercise) -> Files:
    """Each module gets its own copy of the private functions that several modules use; all others stay."""
    package = Package(exercise)
    users = {
        name: {user[0] for user in package.functions if name in package.used_by(user)}
        for name in package.bodies
    }
    shared = [
        name for name in package.functions if name not in package.public and len(users[name] | {name[0]}) > 2
    ]
    modules: dict[str, list[str]] = {}
    for module in package.modules:
        own = [name for name in package.functions if name[0] == module]
        needed = list(own)
        for name in needed:
            needed += [other for other in package.used_by(name) if other in shared and other not in needed]

        def change(other: Name, node: ast.AST, needed: list[Name] = needed, own: list[Name] = own) -> ast.AST:
            if other in needed:
                return ast.Call(ast.Name(_local_name(own, other)), [ast.Name("n")], [])
            reference = ast.Attribute(ast.Name(other[0]), other[1])
            return reference if other in package.constants else ast.Call(reference, [ast.Name("n")], [])

        used = {other[0] for name in needed for other in package.used_by(name) if other not in needed}
        lines = modules.setdefault(module, [f"import {other}" for other in sorted(used | {module})])
        for home, constant in package.constants:
            text = f"{constant} = {ast.unparse(package.bodies[home, constant])}"
            lines += [text] if home == module else []
        lines += [_definition(package, own, name, package.rewrite(name, change)) for name in needed]
    return {
        path: text.replace(f"import {path[:-3]}\n", "").replace(f"{path[:-3]}.", "")
        for path, text in files_of(modules, exercise).items()
    }


# --- Ways around modules: everything stays, but for how functions of other modules are called ----------


def _around(line: str, call: str, shared: str = "") -> Attack:
    """Call functions of other modules by way of something that stands in front of them, once in a module.

    Args:
        line: what stands in front of a function; may hold {own}, {module}, {name}.
        call: how it is called; may hold the same.
        shared: a line of each module; may hold {calls}, all functions that it calls in others.
    """

    def attack(exercise: Exercise) -> Files:
        package = Package(exercise)
        modules: dict[str, list[str]] = {}
        for module in package.modules:
            own = [name for name in package.functions if name[0] == module]
            used = dict.fromkeys(other for name in own for other in package.used_by(name))
            outside = [other for other in used if other[0] != module and other not in package.constants]
            words = {
                other: {"own": "_".join(other), "module": other[0], "name": other[1], "i": i}
                for i, other in enumerate(outside)
            }

            def change(
                other: Name, node: ast.AST, words: dict[Name, dict[str, Any]] = words
            ) -> ast.AST | None:
                return _expression(call.format(**words[other])) if other in words else None

            lines = modules.setdefault(module, [])
            lines += [f"import {other}" for other in sorted({other[0] for other in used} - {module})]
            lines += [
                f"{name} = {ast.unparse(package.bodies[home, name])}"
                for home, name in package.constants
                if home == module
            ]
            lines += [line.format(**each) for each in words.values() if line]
            if shared and outside:
                lines.append(shared.format(calls=", ".join(f"{a}.{b}(n)" for a, b in outside)))
            for name in own:
                lines.append(f"def {name[1]}(n):\n    return {ast.unparse(package.rewrite(name, change))}")
        return files_of(modules, exercise)

    return attack


AROUND = {
    "a function in front": ("def _{own}(n):\n    return {module}.{name}(n)", "_{own}(n)", ""),
    "another name": ("_{own} = {module}.{name}", "_{own}(n)", ""),
    "a lambda in front": ("_{own} = lambda n: {module}.{name}(n)", "_{own}(n)", ""),
    "one more and one less": ("def _{own}(n):\n    return {module}.{name}(n) + 1", "(_{own}(n) - 1)", ""),
    "a useless parameter": ("def _{own}(n, k):\n    return {module}.{name}(n) + k", "_{own}(n, 0)", ""),
    "a function that returns it": ("def _{own}():\n    return {module}.{name}", "_{own}()(n)", ""),
    "a list": ("_{own} = [{module}.{name}]", "_{own}[0](n)", ""),
    "all at once": ("", "_all(n)[{i}]", "def _all(n):\n    return ({calls},)"),
}


def hand_over(most: float) -> Attack:
    """Some functions say in another module what they say, and only call that."""

    def attack(exercise: Exercise) -> Files:
        package = Package(exercise)
        files = dict(exercise.files)
        for module, name in package.public[: int(most * len(package.public))]:
            home = next(each for each in package.modules if each != module)
            moved = package.rewrite((module, name), functools.partial(_from_outside, package, home))
            used = {ast.unparse(node.value) for node in ast.walk(moved) if isinstance(node, ast.Attribute)}
            imports = "".join(f"import {other}\n" for other in sorted(used - {home}))
            text = ast.unparse(moved).replace(f"{home}.", "")
            files[f"{home}.py"] = f"{imports}{files[f'{home}.py']}\ndef h_{name}(n):\n    return {text}\n"
            tree = ast.parse(files[f"{module}.py"])
            tree.body = [each for each in tree.body if getattr(each, "name", "") != name]
            rest = f"import {home}\n{ast.unparse(tree)}\n"
            files[f"{module}.py"] = f"{rest}def {name}(n):\n    return {home}.h_{name}(n)\n"
        return files

    return attack


def _from_outside(package: Package, home: str, other: Name, node: ast.AST) -> ast.AST | None:
    """What a reference becomes in another module."""
    if other[0] == home:
        return None
    if other in package.constants:
        return package.bodies[other]
    return ast.Call(ast.Attribute(ast.Name(other[0]), other[1]), [ast.Name("n")], [])


def cut_differently(exercise: Exercise) -> Files:
    """Everything stays, each function cut into pieces at another place, so that nothing repeats."""
    package = Package(exercise)
    files = {}
    number = 0
    for path, source in exercise.files.items():
        lines = []
        for statement in ast.parse(source).body:
            if isinstance(statement, ast.FunctionDef):
                number += 1
                body = package.bodies[path.removesuffix(".py"), statement.name]
                lines += _split(body, statement.name, 4 + number % 3)
            else:
                lines.append(ast.unparse(statement))
        files[path] = "\n".join(lines) + "\n"
    return files


def copy_one(disguise: str) -> Attack:
    """Put one function into one place where it is called: one across modules, if there is one."""

    def attack(exercise: Exercise) -> Files:
        package = Package(exercise)
        for module, name in package.public:
            for other in package.used_by((module, name)):
                if other[0] == module or other in package.constants or list(package.used_by(other)):
                    continue
                body = _Disguise(DISGUISES[disguise], 1).visit(copy.deepcopy(package.bodies[other]))
                changed = package.rewrite(
                    (module, name), lambda o, node, b=body, c=other: copy.deepcopy(b) if o == c else None
                )
                tree = ast.parse(exercise.files[f"{module}.py"])
                for statement in tree.body:
                    if isinstance(statement, ast.FunctionDef) and statement.name == name:
                        statement.body = [ast.Return(changed)]
                text = ast.unparse(ast.fix_missing_locations(tree))
                if f"{other[0]}." not in text:
                    text = text.replace(f"import {other[0]}\n", "")
                return {**exercise.files, f"{module}.py": text + "\n"}
        return dict(exercise.files)

    return attack


def _expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


# --- Doing without logic -----------------------------------------------------------------------------


def table(form: str) -> Attack:
    """A table of all answers, for arguments that are likely."""

    def attack(exercise: Exercise) -> Files:
        package = Package(exercise)
        modules: dict[str, list[str]] = {}
        for module, name in package.public:
            values = [package.value((module, name), n) for n in DOMAIN]
            least = min(values)
            width = max(1, (max(values) - least).bit_length())
            packed = sum((value - least) << (width * i) for i, value in enumerate(values))
            letters = "".join(chr(value - least + 0x4E00) for value in values)
            text = {
                "list": f"_{name} = {values}\ndef {name}(n):\n    return _{name}[n + 127]",
                "inside": f"def {name}(n):\n    return {values}[n + 127]",
                "dictionary": f"_{name} = {dict(zip(DOMAIN, values, strict=True))}\n"
                f"def {name}(n):\n    return _{name}[n]",
                "number": f"def {name}(n):\n"
                f"    return (0x{packed:x} >> (n + 127) * {width}) % {2**width} + {least}",
                "text": f"def {name}(n):\n    return ord('{letters}'[n + 127]) - {0x4E00 - least}",
                "default": f"def {name}(n, t={values}):\n    return t[n + 127]",
                "names": "def {name}(n, d=dict({pairs})):\n    return list(d.values())[n + 127]".format(
                    name=name, pairs=", ".join(f"a{i}={value}" for i, value in enumerate(values))
                ),
            }[form]
            modules.setdefault(module, []).append(text)
        return files_of(modules, exercise)

    return attack


def constant_functions(exercise: Exercise) -> Files:
    """Functions that return the same for every argument just return it."""
    package = Package(exercise)
    files = {}
    for path, source in exercise.files.items():
        module = path.removesuffix(".py")
        tree = ast.parse(source)
        for statement in tree.body:
            if isinstance(statement, ast.FunctionDef):
                values = {package.value((module, statement.name), n) for n in range(-2600, 2600)}
                if len(values) == 1:
                    statement.body = ast.parse(f"return {values.pop()}").body
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        tree.body = [s for s in tree.body if not isinstance(s, ast.Import) or s.names[0].name in used]
        files[path] = (ast.unparse(tree) or " ") + "\n"
    return files


def periodic_tables(exercise: Exercise) -> Files:
    """Functions that repeat themselves, or do so but for few arguments, become remainders and tables."""
    package = Package(exercise)
    files = {}
    for path, source in exercise.files.items():
        module = path.removesuffix(".py")
        tree = ast.parse(source)
        for statement in tree.body:
            if isinstance(statement, ast.FunctionDef):
                values = {n: package.value((module, statement.name), n) for n in range(-600, 600)}
                for period in range(1, 13):
                    one = [values[n] for n in range(period)]
                    if all(value == one[n % period] for n, value in values.items()):
                        text = f"return {one}[n % {period}]" if period > 1 else f"return {one[0]}"
                        statement.body = ast.parse(text).body
                        break
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        tree.body = [s for s in tree.body if not isinstance(s, ast.Import) or s.names[0].name in used]
        files[path] = (ast.unparse(tree) or " ") + "\n"
    return files


ATTACKS: dict[str, Attack] = {
    **{f"all in one function: {place}": hide(place) for place in HIDING_PLACES},
    **{f"copies, disguise: {disguise}": copies(disguise) for disguise in DISGUISES},
    **{f"in place, disguise: {disguise}": disguise_in_place(disguise) for disguise in DISGUISES},
    **{
        f"table: {form}": table(form)
        for form in ("list", "inside", "dictionary", "number", "text", "default", "names")
    },
    **{f"around modules: {how}": _around(*words) for how, words in AROUND.items()},
    **{f"one copy, disguise: {disguise}": copy_one(disguise) for disguise in DISGUISES},
    "a quarter handed over": hand_over(0.25),
    "half handed over": hand_over(0.5),
    **{
        attack.__name__.replace("_", " "): attack
        for attack in (
            split_everything,
            one_variable_for_each_operation,
            one_module_and_imports,
            one_module_and_calls,
            one_of_the_modules_and_calls,
            one_module_and_thin_functions,
            one_function,
            table_of_functions,
            fake_calls,
            private_copies,
            cut_differently,
            constant_functions,
            periodic_tables,
        )
    },
}
