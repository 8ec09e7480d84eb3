"""Parses modules: what each scope binds and imports, and whether they keep to the language profile."""

from __future__ import annotations

import ast
import sys
import warnings
from collections.abc import Callable, Collection
from typing import Any, NoReturn

from etude_gym.envs.code.exercise import Files
from etude_gym.envs.code.submissions.namespace import Alias, Module, Scope
from etude_gym.envs.code.submissions.profile import (
    FIELDS,
    STANDARD_MODULES,
    Malformed,
    Refused,
    Unsupported,
    name_of_construct,
)

MAX_SOURCE_CHARACTERS = 100_000
MAX_NODES = 20_000
MAX_DEPTH = 100
"""Levels of syntax: few enough that no step from reading to running meets a limit of its own."""


def read_modules(files: Files) -> dict[str, Module]:
    """Parse all files of a package, in the order of their paths, and find their scopes.

    Args:
        files: source text of the modules by path.

    Returns:
        Modules by name, in the order of their paths.

    Raises:
        Refused: if a file is no Python, too large, or leaves the language profile.
    """
    if sum(map(len, files.values())) > MAX_SOURCE_CHARACTERS:
        raise Malformed(f"The files have more than {MAX_SOURCE_CHARACTERS} characters.")
    names = {_module_name(path) for path in files}
    modules = {}
    nodes = 0
    for path in sorted(files):
        module = Module(_module_name(path), _with_functions(_parse(path, files[path])))
        reader = _Reader(module, names, nodes)
        reader.read()
        nodes = reader.nodes
        modules[module.name] = module
    return modules


def _module_name(path: str) -> str:
    name = path.removesuffix(".py")
    if not name.isidentifier() or "__" in name or name.endswith("_"):
        raise Malformed(f"{path!a} is no name of a module.")
    if name in STANDARD_MODULES:
        raise Malformed(f"{path} has the name of a module of the standard library.")
    return name


def is_python(source: str) -> bool:
    """Whether a text can be parsed as Python and is not too long.

    Args:
        source: any text.
    """
    if len(source) > MAX_SOURCE_CHARACTERS:
        return False
    try:
        _parse("", source)
    except Refused:
        return False
    return True


def _parse(path: str, source: str) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except SyntaxError as error:
        raise Malformed(f"{path}, line {error.lineno}: {str(error.msg)[:200]}.") from None
    except ValueError as error:
        raise Malformed(f"{path} cannot be read: {str(error)[:200]}.") from None
    except (RecursionError, MemoryError):
        raise Unsupported(f"{path}: nesting deeper than {MAX_DEPTH} levels is not supported.") from None


def _with_functions(tree: ast.Module) -> ast.Module:
    """A module in which what gives a name to a lambda at top level is the definition of a function."""
    tree.body = [_as_function(statement) for statement in tree.body]
    return tree


def _as_function(statement: ast.stmt) -> ast.stmt:
    match statement:
        case (
            ast.Assign(targets=[ast.Name(id=name)], value=ast.Lambda() as function)
            | ast.AnnAssign(target=ast.Name(id=name), value=ast.Lambda() as function)
        ):
            body = ast.copy_location(ast.Return(function.body), function)
            definition = ast.FunctionDef(name, function.args, [body], [], None, None)
            return ast.copy_location(definition, statement)
    return statement


class _Reader:
    """Reads one module.

    Args:
        module: what to fill; its tree loses its annotations.
        names: modules of the package.
        nodes: nodes of the syntax trees that were read before.
    """

    def __init__(self, module: Module, names: Collection[str], nodes: int) -> None:
        self.module = module
        self.names = names
        self.nodes = nodes
        self.scope = module.scope
        self.index = 0
        self.depth = 0

    def read(self) -> None:
        """Read the whole module."""
        for index, statement in enumerate(self.module.tree.body):
            self.index = index
            self.visit(statement)

    def refuse(self, node: ast.AST, reason: str) -> NoReturn:
        line = getattr(node, "lineno", None)
        where = f"{self.module.name}.py" + (f", line {line}" if line else "")
        raise Unsupported(f"{where}: {reason} is not supported.")

    def bind(self, node: ast.AST, name: str | None, scope: Scope | None = None) -> None:
        """Note that a scope, the present one by default, binds a name."""
        if name is None:
            return
        scope = scope or self.scope
        if "__" in name:
            self.refuse(node, "a name with two underscores in a row")
        if name in scope.global_names:
            scope = self.module.scope
        if name in scope.aliases:
            self.refuse(node, f"assigning to {name!a}, which is imported,")
        scope.bound.add(name)
        if scope.parent is None:
            self.module.first.setdefault(name, self.index)

    def visit(self, node: Any) -> None:
        kind = node.__class__
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise Malformed(f"The files have more than {MAX_NODES} nodes of syntax.")
        if self.depth == MAX_DEPTH:
            self.refuse(node, f"nesting deeper than {MAX_DEPTH} levels")
        self.depth += 1
        handler = _HANDLERS.get(kind)
        if handler is not None:
            handler(self, node)
        elif kind in FIELDS:
            self.visit_children(node)
        else:
            self.refuse(node, f"{name_of_construct(node)!r}")
        self.depth -= 1

    def visit_children(self, node: ast.AST) -> None:
        for name in FIELDS[node.__class__]:
            value = getattr(node, name)
            if value.__class__ is list:
                self.visit_all(value)
            elif isinstance(value, ast.AST):
                self.visit(value)

    def visit_all(self, nodes: list[Any]) -> None:
        for node in nodes:
            if isinstance(node, ast.AST):
                self.visit(node)

    def name(self, node: ast.Name) -> None:
        if node.ctx.__class__ is not ast.Load:
            self.bind(node, node.id)
        elif "__" in node.id and node.id != "__name__":
            self.refuse(node, "a name with two underscores in a row")

    def attribute(self, node: ast.Attribute) -> None:
        if "__" in node.attr:
            self.refuse(node, "an attribute with two underscores in a row")
        self.visit(node.value)

    def argument(self, node: ast.arg) -> None:
        node.annotation = None
        self.bind(node, node.arg)

    def annotated(self, node: ast.AnnAssign) -> None:
        node.annotation = ast.Constant(None)
        self.visit_children(node)

    def function(self, node: ast.FunctionDef) -> None:
        if getattr(node, "type_params", None):
            self.refuse(node, "a type parameter")
        node.returns = None
        self.bind(node, node.name)
        self.visit_all(node.decorator_list)
        self.enter(node, node.args, node.body)

    def function_expression(self, node: ast.Lambda) -> None:
        self.enter(node, node.args, [node.body])

    def enter(self, node: ast.AST, arguments: ast.arguments, body: list[Any]) -> None:
        """Read a function: its defaults belong to the scope around it."""
        self.visit_all([*arguments.defaults, *arguments.kw_defaults])
        outer, self.scope = self.scope, Scope(self.scope)
        self.module.scopes[node] = self.scope
        self.visit_all([*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs])
        self.visit_all([arguments.vararg, arguments.kwarg])
        self.visit_all(body)
        self.scope = outer

    def comprehension(self, node: Any) -> None:
        self.visit(node.generators[0].iter)
        outer, self.scope = self.scope, Scope(self.scope, is_comprehension=True)
        self.module.scopes[node] = self.scope
        for i, generator in enumerate(node.generators):
            self.visit(generator.target)
            if i:
                self.visit(generator.iter)
            self.visit_all(generator.ifs)
            if generator.is_async:
                self.refuse(node, "'async'")
        self.visit_all([getattr(node, name) for name in ("elt", "key", "value") if hasattr(node, name)])
        self.scope = outer

    def walrus(self, node: ast.NamedExpr) -> None:
        scope = self.scope
        while scope.is_comprehension and scope.parent is not None:
            scope = scope.parent
        self.bind(node, node.target.id, scope)
        self.visit(node.value)

    def handler(self, node: ast.ExceptHandler) -> None:
        self.bind(node, node.name)
        self.visit_children(node)

    def capture(self, node: Any) -> None:
        self.bind(node, node.rest if isinstance(node, ast.MatchMapping) else node.name)
        self.visit_children(node)

    def declare_global(self, node: ast.Global) -> None:
        for name in node.names:
            self.scope.global_names.add(name)
            self.bind(node, name, self.module.scope)
            if self.scope.parent is not None:
                self.module.changing.add(name)

    def declare_outer(self, node: ast.Nonlocal) -> None:
        self.scope.outer_names.update(node.names)

    def imported(self, node: ast.Import) -> None:
        for alias in node.names:
            if alias.name in self.names:
                self.import_alias(node, alias.asname or alias.name, (alias.name, None))
            elif alias.name in STANDARD_MODULES:
                self.bind(node, alias.asname or alias.name)
            else:
                self.refuse_import(node, alias.name)

    def imported_from(self, node: ast.ImportFrom) -> None:
        source = node.module or ""
        if any(alias.name == "*" for alias in node.names):
            self.refuse(node, "importing '*'")
        for alias in node.names:
            name = alias.asname or alias.name
            if source in self.names and node.level < 2:
                self.import_alias(node, name, (source, alias.name))
            elif node.level == 1 and not source and alias.name in self.names:
                self.import_alias(node, name, (alias.name, None))
            elif node.level or source not in STANDARD_MODULES | {"__future__"}:
                self.refuse_import(node, "." * node.level + source)
            elif source != "__future__":
                self.bind(node, name)

    def refuse_import(self, node: ast.Import | ast.ImportFrom, source: str) -> NoReturn:
        """Refuse an import of what the sandbox does not have, or of what is nowhere."""
        if source.partition(".")[0] in sys.stdlib_module_names:
            self.refuse(node, f"importing {source[:60]!a}")
        where = f"{self.module.name}.py, line {node.lineno}"
        allowed = ", ".join(sorted(STANDARD_MODULES | set(self.names)))
        raise Malformed(f"{where}: there is no module {source[:60]!a}. Allowed: {allowed}.")

    def import_alias(self, node: ast.AST, name: str, alias: Alias) -> None:
        """Note that the present scope imports a name from the package."""
        if "__" in name:
            self.refuse(node, "a name with two underscores in a row")
        if name in self.scope.bound | self.scope.global_names:
            self.refuse(node, f"assigning to {name!a}, which is imported,")
        if self.scope.aliases.setdefault(name, alias) != alias:
            self.refuse(node, f"importing {name!a} twice")
        self.module.imports.add(alias[0])
        if self.scope.parent is None:
            self.module.first.setdefault(name, self.index)


_HANDLERS: dict[type[ast.AST], Callable[[_Reader, Any], None]] = {
    ast.Name: _Reader.name,
    ast.Attribute: _Reader.attribute,
    ast.arg: _Reader.argument,
    ast.AnnAssign: _Reader.annotated,
    ast.FunctionDef: _Reader.function,
    ast.Lambda: _Reader.function_expression,
    ast.ListComp: _Reader.comprehension,
    ast.SetComp: _Reader.comprehension,
    ast.DictComp: _Reader.comprehension,
    ast.GeneratorExp: _Reader.comprehension,
    ast.NamedExpr: _Reader.walrus,
    ast.ExceptHandler: _Reader.handler,
    ast.MatchAs: _Reader.capture,
    ast.MatchStar: _Reader.capture,
    ast.MatchMapping: _Reader.capture,
    ast.Global: _Reader.declare_global,
    ast.Nonlocal: _Reader.declare_outer,
    ast.Import: _Reader.imported,
    ast.ImportFrom: _Reader.imported_from,
}
