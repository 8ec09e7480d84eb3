"""Reads functions symbolically: the form of what each returns, and of every expression that is written.

Variables stand for the values that were assigned to them, statements ``if`` for conditional expressions,
functions that are defined or passed on the spot for what they return. Loops and what else is not
understood are forms of their own.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from etude_gym.envs.code.submissions.forms import CALL, Form, Forms
from etude_gym.envs.code.submissions.namespace import Module
from etude_gym.envs.code.submissions.profile import Unsupported

MAX_READ = 10_000
"""Expressions that are read at most, those of called functions each time."""


class TooComplex(Unsupported):
    """Functions that call each other in too many ways to be read."""

    def __init__(self) -> None:
        super().__init__("The functions call each other in too many ways.")


class Value(NamedTuple):
    """What an expression stands for.

    Attributes:
        form: its form.
        size: expressions in it, variables replaced by what was assigned to them.
    """

    form: Form
    size: int


Environment = dict[str, Value]
Choices = list[tuple[Value | None, Value]]
"""What is returned under a condition, in order; None stands for no condition."""


@dataclass
class Function:
    """A function that can be called while reading.

    Attributes:
        node: its definition.
        outer: the variables around it.
        defaults: of its parameters.
    """

    node: ast.FunctionDef | ast.Lambda
    outer: Environment = field(default_factory=dict)
    defaults: Environment = field(default_factory=dict)


class Reader:
    """Reads the functions of a package.

    Args:
        forms: where forms are kept.
        modules: the package, linked.
        name_of: what a function or constant of the package, given by its linked name, is known by; None if
            its value is read instead.
    """

    def __init__(
        self, forms: Forms, modules: Mapping[str, Module], name_of: Callable[[str], str | None]
    ) -> None:
        self.forms = forms
        self.name_of = name_of
        self.defined = _definitions(modules)
        self.written: list[Value] | None = None
        self._inner: set[Form] = set()
        self._functions: dict[Form, Function] = {}
        self._called: dict[tuple[Any, ...], Value | None] = {}
        self._read = 0
        self._variables = 0

    def read(self, statements: Iterable[ast.stmt]) -> tuple[Form | None, list[Value]]:
        """Read statements of a module's top level.

        Args:
            statements: of a linked module.

        Returns:
            What the last function among them returns, and the expressions that are written in them, but for
            names, constants and calls of what is read instead.
        """
        self.written, self._variables = [], 0
        root = None
        try:
            for statement in statements:
                if isinstance(statement, ast.FunctionDef):
                    root = self._define(statement, {}).form
                else:
                    self._execute([statement], {})
            return root, self.written
        except RecursionError:
            raise TooComplex from None
        finally:
            self.written = None

    # --- Statements --------------------------------------------------------------------------------------

    def _returned(self, function: Function, given: Environment) -> Value:
        """What a function returns."""
        scope = {**function.outer, **given}
        if isinstance(function.node, ast.Lambda):
            return self._value(function.node.body, scope)
        choices, _ = self._execute(function.node.body, scope)
        value = Value(self.forms.constant(None), 0)
        for test, chosen in reversed(choices):
            value = chosen if test is None else self._choose(test, chosen, value)
        return value

    def _count(self, expressions: int) -> None:
        self._read += expressions
        if self._read > MAX_READ:
            raise TooComplex

    def _choose(self, test: Value, yes: Value, no: Value) -> Value:
        form = self.forms.choice(test.form, yes.form, no.form)
        value = Value(form, 1 + test.size + yes.size + no.size)
        self._note(value, {yes.form, no.form})
        return value

    def _execute(self, body: Iterable[ast.stmt], scope: Environment) -> tuple[Choices, bool]:
        """Carry out statements, which changes the scope; what they return, and whether they may go on."""
        choices: Choices = []
        for statement in body:
            match statement:
                case ast.Return():
                    nothing = Value(self.forms.constant(None), 0)
                    value = self._value(statement.value, scope) if statement.value else nothing
                    return [*choices, (None, value)], False
                case ast.Raise():
                    self._opaque(statement, scope)
                    return choices, False
                case ast.If():
                    returned, goes_on = self._branch(statement, scope)
                    choices += returned
                    if not goes_on:
                        return choices, False
                case ast.FunctionDef():
                    scope[statement.name] = self._closure(statement, scope)
                case ast.Assign():
                    value = self._value(statement.value, scope)
                    for target in statement.targets:
                        self._assign(target, value, scope)
                case ast.AnnAssign():
                    if statement.value is not None:
                        self._assign(statement.target, self._value(statement.value, scope), scope)
                case ast.AugAssign(target=ast.Name(id=name)):
                    old = self._value(ast.Name(name, ast.Load()), scope)
                    value = self._arithmetic(statement.op, old, self._value(statement.value, scope))
                    self._note(value, {old.form})
                    scope[name] = value
                case ast.Expr() | ast.Assert():
                    if not isinstance(getattr(statement, "value", None), ast.Constant):
                        self._opaque(statement, scope)
                case ast.Pass() | ast.Import() | ast.ImportFrom() | ast.Global() | ast.Nonlocal():
                    pass
                case _:
                    choices += self._loop(statement, scope)
        return choices, True

    def _branch(self, statement: ast.If, scope: Environment) -> tuple[Choices, bool]:
        """A statement ``if``: the scope becomes that of the branches which go on."""
        self._count(len(scope) // 8)
        value = self._value(statement.test, scope)
        test = Value(self.forms.truth(value.form), value.size)
        opposite = Value(self.forms.opposite(test.form), value.size)
        returned: Choices = []
        going_on = []
        for truth, body in ((test, statement.body), (opposite, statement.orelse)):
            own = dict(scope)
            choices, goes_on = self._execute(body, own)
            returned += [(self._both(truth, inner), chosen) for inner, chosen in choices]
            going_on += [own] if goes_on else []
        if returned and not going_on:
            returned[-1] = (None, returned[-1][1])
        if len(going_on) == 2:
            yes, no = going_on
            for name in sorted(yes.keys() & no.keys()):
                scope[name] = yes[name] if yes[name] == no[name] else self._choose(test, yes[name], no[name])
            for name in yes.keys() ^ no.keys():
                scope[name] = yes.get(name) or no[name]
        elif going_on:
            scope.update(going_on[0])
        return returned, bool(going_on)

    def _both(self, test: Value, inner: Value | None) -> Value:
        if inner is None:
            return test
        return Value(self.forms.both((test.form, inner.form)), 1 + test.size + inner.size)

    def _loop(self, statement: ast.stmt, scope: Environment) -> Choices:
        """A loop, or another statement that is not understood: one form of all that is in it."""
        names = _stored_in([statement])
        scope.update({name: self._variable() for name in names})
        value = self._opaque(statement, scope)
        scope.update({name: Value(self.forms.make("after", name, parts=[value.form]), 1) for name in names})
        returns = [node for node in ast.walk(statement) if isinstance(node, ast.Return)]
        return [(value, Value(self.forms.make("in", parts=[value.form]), 1))] if returns else []

    def _assign(self, target: ast.expr, value: Value, scope: Environment) -> None:
        if isinstance(target, ast.Name):
            scope[target.id] = value
        elif isinstance(target, ast.Tuple | ast.List):
            for index, each in enumerate(target.elts):
                form = self._item(value.form, self.forms.constant(index))
                self._assign(each, Value(form, value.size), scope)
        else:
            self._opaque(target, scope)

    # --- Functions ---------------------------------------------------------------------------------------

    def _variable(self) -> Value:
        self._variables += 1
        return Value(self.forms.make("variable", self._variables - 1), 1)

    def _define(self, node: ast.FunctionDef | ast.Lambda, scope: Environment) -> Value:
        """Read a function as it is written; the form of what it returns for any arguments."""
        function = self._function(node, scope)
        for decorator in getattr(node, "decorator_list", []):
            self._value(decorator, scope)
        given = {name: function.defaults.get(name) or self._variable() for name in _parameters(node)}
        return self._returned(function, given)

    def _function(self, node: ast.FunctionDef | ast.Lambda, scope: Environment) -> Function:
        arguments = node.args
        positional = [*arguments.posonlyargs, *arguments.args]
        pairs = [
            *zip(reversed(positional), reversed(arguments.defaults), strict=False),
            *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
        ]
        defaults = {name.arg: self._value(default, scope) for name, default in pairs if default is not None}
        return Function(node, dict(scope), defaults)

    def _closure(self, node: ast.FunctionDef | ast.Lambda, scope: Environment) -> Value:
        """A function as a value: its form is that of what it returns."""
        form = self.forms.make("function", parts=[self._define(node, scope).form])
        written, self.written = self.written, None
        self._functions[form] = self._function(node, scope)
        self.written = written
        return Value(form, 1)

    def _call(self, node: ast.Call, scope: Environment) -> Value:
        arguments = [self._value(argument, scope) for argument in node.args]
        named = {each.arg: self._value(each.value, scope) for each in node.keywords}
        size = 1 + sum(value.size for value in [*arguments, *named.values()])
        is_plain = not any(isinstance(argument, ast.Starred) for argument in node.args) and None not in named
        if not (isinstance(node.func, ast.Name) and node.func.id not in scope):
            called = self._value(
                node.func.value if isinstance(node.func, ast.Attribute) else node.func, scope
            )
            if is_plain and not isinstance(node.func, ast.Attribute):
                result = self._call_value(called.form, arguments, named, size)
                if result is not None:
                    return result
            method = f".{node.func.attr}" if isinstance(node.func, ast.Attribute) else "()"
            return self._other_call(method, [called, *arguments], named, size + called.size)
        name = node.func.id
        known = self._known(name)
        if known is not None or not is_plain:
            return self._other_call(known or name, arguments, named, size)
        definition = self.defined.get(name)
        if isinstance(definition, ast.FunctionDef):
            return self._instead(self._result(name, definition, arguments, named), size)
        if definition is not None:
            result = self._call_value(self._name(name, scope).form, arguments, named, size)
            return result or self._other_call(name, arguments, named, size)
        form = None if named else self._built_in(name, [value.form for value in arguments])
        return self._other_call(name, arguments, named, size) if form is None else Value(form, size)

    def _call_value(
        self, called: Form, arguments: list[Value], named: dict[Any, Value], size: int
    ) -> Value | None:
        """The call of a function that is a value, if it is known which one."""
        if self.forms.kind(called) == "name":
            return self._other_call(self.forms.keys[called][1], arguments, named, size)
        function = self._functions.get(called)
        return None if function is None else self._instead(self._apply(function, arguments, named), size)

    def _instead(self, result: Value, size: int) -> Value:
        """A call that stands for what the function returns, which is written elsewhere."""
        self._inner.add(result.form)
        return Value(result.form, size)

    def _other_call(self, name: str, arguments: list[Value], named: dict[Any, Value], size: int) -> Value:
        parts = [value.form for value in [*arguments, *named.values()]]
        return Value(self.forms.make(CALL, name, tuple(named), parts=parts), size)

    def _known(self, name: str) -> str | None:
        """What a name of the package goes by, unless its value is read."""
        if "__" not in name:
            return None
        return self.name_of(name) if name in self.defined else name

    def _result(
        self, name: str, definition: ast.FunctionDef, arguments: list[Value], named: dict[Any, Value]
    ) -> Value:
        """What a function of the package returns for some arguments."""
        key = (name, *(value.form for value in arguments), *((k, v.form) for k, v in named.items()))
        if key not in self._called:
            self._called[key] = None  # while it is read: it may call itself
            if definition.decorator_list:
                self._called[key] = self._other_call(name, arguments, named, 1)
            else:
                self._called[key] = self._apply(self._unwritten(definition), arguments, named)
        return self._called[key] or self._other_call(name, arguments, named, 1)

    def _unwritten(self, definition: ast.FunctionDef) -> Function:
        written, self.written = self.written, None
        function = self._function(definition, {})
        self.written = written
        return function

    def _apply(self, function: Function, arguments: list[Value], named: dict[Any, Value]) -> Value:
        """What a function returns for some arguments; nothing of it is written where it is called."""
        given = dict(function.defaults)
        names = _parameters(function.node)
        given.update(zip(names, arguments, strict=False))
        given.update(named)
        given = {name: given.get(name) or Value(self.forms.make("missing"), 1) for name in names}
        written, self.written = self.written, None
        value = self._returned(function, given)
        self.written = written
        return value

    def _built_in(self, name: str, forms: list[Form]) -> Form | None:
        """What a built-in function returns, if it is one with a normal order."""
        match name, len(forms):
            case "abs", 1:
                return self.forms.largest((forms[0], self.forms.negative(forms[0])))
            case (("min" | "max"), count) if count > 0:
                if count == 1:
                    if self.forms.kind(forms[0]) != "items" or not self.forms.parts(forms[0]):
                        return None
                    forms = list(self.forms.parts(forms[0]))
                return self.forms.largest(forms) if name == "max" else self.forms.smallest(forms)
            case "divmod", 2:
                both = [self.forms.make(kind, parts=forms) for kind in ("FloorDiv", "Mod")]
                return self.forms.make("items", parts=both)
        return None

    # --- Expressions -------------------------------------------------------------------------------------

    def _note(self, value: Value, inner: set[Form]) -> None:
        """Keep an expression that is written, unless it only says again what an expression in it says."""
        if self.written is not None and value.form not in inner:
            self.written.append(value)

    def _value(self, node: ast.AST, scope: Environment) -> Value:
        """What an expression stands for."""
        self._count(1)
        outer, self._inner = self._inner, set()
        value = self._read_expression(node, scope)
        if not isinstance(node, ast.Name | ast.Constant | ast.Lambda):
            self._note(value, self._inner)
        self._inner = outer
        outer.add(value.form)
        return value

    def _read_expression(self, node: ast.AST, scope: Environment) -> Value:
        match node:
            case ast.Constant():
                return Value(self.forms.constant(node.value), 1)
            case ast.Name():
                return self._name(node.id, scope)
            case ast.NamedExpr():
                value = self._value(node.value, scope)
                scope[node.target.id] = value
                return value
            case ast.Lambda():
                return self._closure(node, scope)
            case ast.Call():
                return self._call(node, scope)
            case ast.BinOp():
                return self._arithmetic(
                    node.op, self._value(node.left, scope), self._value(node.right, scope)
                )
            case ast.UnaryOp():
                return self._unary(node.op, self._value(node.operand, scope))
            case ast.BoolOp():
                return self._logical(node.op, [self._value(value, scope) for value in node.values])
            case ast.Compare():
                values = [self._value(each, scope) for each in (node.left, *node.comparators)]
                triples = zip(node.ops, values, values[1:], strict=False)
                truths = [self.forms.compare(op, left.form, right.form) for op, left, right in triples]
                form = truths[0] if len(truths) == 1 else self.forms.both(truths)
                return Value(form, 1 + sum(value.size for value in values))
            case ast.IfExp():
                test, yes, no = (self._value(each, scope) for each in (node.test, node.body, node.orelse))
                form = self.forms.choice(test.form, yes.form, no.form)
                return Value(form, 1 + test.size + yes.size + no.size)
            case ast.Tuple() | ast.List():
                values = [self._value(each, scope) for each in node.elts]
                form = self.forms.make("items", parts=[value.form for value in values])
                return Value(form, 1 + sum(value.size for value in values))
            case ast.Subscript():
                value, index = self._value(node.value, scope), self._value(node.slice, scope)
                return Value(self._item(value.form, index.form), 1 + value.size + index.size)
        return self._opaque(node, dict(scope))

    def _name(self, name: str, scope: Environment) -> Value:
        if name in scope:
            return scope[name]
        known, definition = self._known(name), self.defined.get(name)
        if known is not None or definition is None:
            return Value(self.forms.make("name", known or name), 1)
        if isinstance(definition, ast.FunctionDef):
            form = self.forms.make("function of the package", name)
            self._functions[form] = self._unwritten(definition)
            return Value(form, 1)
        if (name,) not in self._called:
            self._called[name,] = None  # while it is read: it may refer to itself
            written, self.written = self.written, None
            self._called[name,] = self._value(definition, {})
            self.written = written
        value = self._called[name,]
        return Value(value.form if value else self.forms.make("name", name), 1)

    def _arithmetic(self, operator: ast.operator, left: Value, right: Value) -> Value:
        size = 1 + left.size + right.size
        match operator:
            case ast.Add():
                return Value(self.forms.sum(left.form, right.form), size)
            case ast.Sub():
                return Value(self.forms.difference(left.form, right.form), size)
            case ast.Mult():
                return Value(self.forms.product(left.form, right.form), size)
        return Value(self.forms.make(type(operator).__name__, parts=[left.form, right.form]), size)

    def _unary(self, operator: ast.unaryop, value: Value) -> Value:
        match operator:
            case ast.USub():
                return Value(self.forms.negative(value.form), 1 + value.size)
            case ast.UAdd():
                return Value(value.form, 1 + value.size)
            case ast.Not():
                return Value(self.forms.opposite(self.forms.truth(value.form)), 1 + value.size)
        return Value(self.forms.make("Invert", parts=[value.form]), 1 + value.size)

    def _logical(self, operator: ast.boolop, values: list[Value]) -> Value:
        size = 1 + sum(value.size for value in values)
        forms = [value.form for value in values]
        if isinstance(operator, ast.And):
            return Value(self.forms.both(forms), size)
        opposites = [self.forms.opposite(self.forms.truth(form)) for form in forms]
        return Value(self.forms.opposite(self.forms.both(opposites)), size)

    def _item(self, items: Form, index: Form) -> Form:
        kind, *details = self.forms.keys[index]
        parts = self.forms.parts(items)
        is_known = self.forms.kind(items) == "items" and kind == "constant" and details[0] == "int"
        if is_known and -len(parts) <= details[1] < len(parts):
            return parts[details[1]]
        return self.forms.make("item", parts=[items, index])

    def _opaque(self, node: ast.AST, scope: Environment) -> Value:
        """A construct that is not understood: a form of its kind, of its words and of what is in it."""
        details: list[str] = []
        parts: list[Form] = []
        size = int(isinstance(node, ast.expr))
        if hasattr(node, "generators"):
            scope = {**scope, **{name: self._variable() for name in _stored_in(node.generators)}}
        for name in node._fields:
            values = getattr(node, name, None)
            for value in values if isinstance(values, list) else [values]:
                if isinstance(value, ast.Name) and not isinstance(value.ctx, ast.Load):
                    size += 1
                elif isinstance(value, ast.FunctionDef):
                    parts.append(self._closure(value, scope).form)
                elif isinstance(value, ast.AST):
                    is_whole = isinstance(value, ast.expr)
                    inner = self._value(value, scope) if is_whole else self._opaque(value, scope)
                    parts.append(inner.form)
                    size += inner.size
                elif value is not None and name not in ("ctx", "id", "type_comment", "kind"):
                    details.append(str(value))
        return Value(self.forms.make(type(node).__name__, tuple(details), parts=parts), size)


# --- What a package defines --------------------------------------------------------------------------


def _definitions(modules: Mapping[str, Module]) -> dict[str, ast.FunctionDef | ast.expr]:
    """Functions and constants of a package that are bound once, by their linked names."""
    found: dict[str, ast.FunctionDef | ast.expr] = {}
    bound: dict[str, int] = {}
    for module in modules.values():
        for node in ast.walk(module.tree):
            for name in _bound_by(node):
                bound[name] = bound.get(name, 0) + 1
        for statement in module.tree.body:
            if isinstance(statement, ast.FunctionDef):
                found[statement.name] = statement
            elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
                found[statement.targets[0].id] = statement.value
            elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                found |= {statement.target.id: statement.value} if statement.value else {}
    return {name: definition for name, definition in found.items() if bound[name] == 1}


def _bound_by(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef):
        yield node.name
    elif isinstance(node, ast.Name) and is_stored(node):
        yield node.id
    elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
        yield node.name
    elif isinstance(node, ast.Global):
        yield from node.names


def _stored_in(nodes: Iterable[ast.AST]) -> list[str]:
    """Names that get values anywhere in some nodes, in the order of the alphabet."""
    inner = (each for node in nodes for each in ast.walk(node))
    return sorted({each.id for each in inner if isinstance(each, ast.Name) and is_stored(each)})


def is_stored(node: ast.AST) -> bool:
    """Whether a node is a name that gets a value."""
    return isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)


def _parameters(node: ast.FunctionDef | ast.Lambda) -> list[str]:
    arguments = node.args
    plain = [each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    return [*plain, *(each.arg for each in (arguments.vararg, arguments.kwarg) if each is not None)]
