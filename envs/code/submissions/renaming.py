"""Gives every top-level name of a package its linked name, wherever a module uses it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from etude_gym.envs.code.submissions.namespace import Alias, Module, Scope, follow, linked_name
from etude_gym.envs.code.submissions.profile import ENDLESS, FIELDS, REFUSED_BUILTINS, Malformed, Unsupported


def rename(modules: Mapping[str, Module], module: Module) -> None:
    """Rename what a module defines at top level, and what it uses of other modules, in its tree.

    Its imports from the package are removed; ``Module.wanted`` lists them.

    Args:
        modules: all modules of the package.
        module: the one to change.

    Raises:
        Refused: if it uses a name in a way that linking cannot follow.
    """
    _Renamer(modules, module).visit_children(module.tree)


class _Renamer:
    """Renames what a module defines at top level, and what it uses of others.

    Args:
        modules: all modules of the package.
        module: the one whose tree changes.
    """

    def __init__(self, modules: Mapping[str, Module], module: Module) -> None:
        self.modules = modules
        self.module = module
        self.scope: Scope = module.scope

    def refuse(self, node: ast.AST, reason: str) -> NoReturn:
        raise Unsupported(
            f"{self.module.name}.py, line {getattr(node, 'lineno', '?')}: {reason} is not supported."
        )

    def find(self, name: str) -> tuple[Scope | None, Alias | None]:
        """The scope that binds a name (None for a built-in one), and what it imports by it."""
        scope = self.scope
        while scope.parent is not None and name not in scope.global_names:
            if name not in scope.outer_names and (name in scope.bound or name in scope.aliases):
                return scope, scope.aliases.get(name)
            scope = scope.parent
        top = self.module.scope
        return (top if name in top.bound or name in top.aliases else None), top.aliases.get(name)

    def bound_name(self, name: str) -> str:
        """What a name is called that is bound here."""
        scope, _ = self.find(name)
        return linked_name(self.module.name, name) if scope is self.module.scope else name

    def follow(self, alias: Alias) -> Alias:
        """Where an imported name is defined."""
        module, name = alias
        return alias if name is None else follow(self.modules, module, name)

    def visit(self, node: Any) -> Any:
        handler = _HANDLERS.get(node.__class__)
        if handler is not None:
            return handler(self, node)
        self.visit_children(node)
        return node

    def visit_children(self, node: ast.AST) -> None:
        for name in FIELDS[node.__class__]:
            value = getattr(node, name)
            if value.__class__ is list:
                self.visit_all(value)
            elif isinstance(value, ast.AST):
                setattr(node, name, self.visit(value))

    def visit_all(self, nodes: list[Any]) -> None:
        for i, node in enumerate(nodes):
            if isinstance(node, ast.AST):
                nodes[i] = self.visit(node)

    def name(self, node: ast.Name) -> ast.expr:
        scope, alias = self.find(node.id)
        if alias is not None:
            home, name = self.follow(alias)
            if name is None:
                self.refuse(node, f"using the module {home!a} as a value")
            node.id = linked_name(home, name)
        elif scope is self.module.scope:
            node.id = linked_name(self.module.name, node.id)
        elif scope is None and node.id == "__name__":
            return ast.copy_location(ast.Constant(self.module.name), node)
        elif scope is None and node.id in REFUSED_BUILTINS:
            self.refuse(node, f"{node.id!r}")
        return node

    def module_of(self, node: ast.expr) -> str | None:
        """The module of the package that an expression stands for, if it does."""
        if isinstance(node, ast.Name):
            alias = self.find(node.id)[1]
        elif isinstance(node, ast.Attribute):
            outer = self.module_of(node.value)
            alias = None if outer is None else (outer, node.attr)
        else:
            return None
        home, name = (None, "") if alias is None else self.follow(alias)
        return home if name is None else None

    def attribute(self, node: ast.Attribute) -> ast.expr:
        home = self.module_of(node.value)
        if home is None:
            node.value = self.visit(node.value)
            return node
        if not isinstance(node.ctx, ast.Load):
            self.refuse(node, f"assigning to {node.attr!a} of a module")
        source, name = follow(self.modules, home, node.attr)
        if name is None:
            self.refuse(node, f"using the module {source!a} as a value")
        return ast.copy_location(ast.Name(linked_name(source, name), ast.Load()), node)

    def call(self, node: ast.Call) -> ast.expr:
        if isinstance(node.func, ast.Name) and self.find(node.func.id)[0] is None:
            if node.func.id == "type" and len(node.args) + len(node.keywords) != 1:
                self.refuse(node, "making a class")
            if node.func.id == "next" and node.args and isinstance(node.args[0], ast.GeneratorExp):
                # The sandbox makes a list of a generator expression; Python's next needs an iterator.
                node.args[0] = ast.Call(ast.Name("iter", ast.Load()), [node.args[0]], [])
        self.visit_children(node)
        return node

    def function(self, node: ast.FunctionDef) -> ast.AST:
        node.name = self.bound_name(node.name)
        self.visit_all(node.decorator_list)
        return self.function_expression(node)

    def function_expression(self, node: Any) -> ast.AST:
        self.visit_all(node.args.defaults)
        self.visit_all(node.args.kw_defaults)
        outer, self.scope = self.scope, self.module.scopes[node]
        if isinstance(node.body, list):
            self.visit_all(node.body)
        else:
            node.body = self.visit(node.body)
        self.scope = outer
        return node

    def comprehension(self, node: Any) -> ast.AST:
        first = node.generators[0]
        first.iter = self.visit(first.iter)
        if isinstance(node, ast.GeneratorExp) and _is_endless(first.iter):
            self.refuse(node, "a generator expression over an iterator without an end")
        outer, self.scope = self.scope, self.module.scopes[node]
        for i, generator in enumerate(node.generators):
            generator.target = self.visit(generator.target)
            if i:
                generator.iter = self.visit(generator.iter)
            self.visit_all(generator.ifs)
        for name in ("elt", "key", "value"):
            if hasattr(node, name):
                setattr(node, name, self.visit(getattr(node, name)))
        self.scope = outer
        return node

    def binder(self, node: Any) -> ast.AST:
        """A handler or a pattern, which binds a name that is no ``ast.Name``."""
        name = "rest" if isinstance(node, ast.MatchMapping) else "name"
        if getattr(node, name) is not None:
            setattr(node, name, self.bound_name(getattr(node, name)))
        self.visit_children(node)
        return node

    def declare_global(self, node: ast.Global) -> ast.AST:
        node.names = [linked_name(self.module.name, name) for name in node.names]
        return node

    def imported(self, node: ast.Import | ast.ImportFrom) -> ast.AST:
        """Keep imports from the standard library; names of the package are there already."""
        if isinstance(node, ast.ImportFrom) and node.module == "__future__" and not node.level:
            return ast.copy_location(ast.Pass(), node)
        kept = []
        wanted: list[Alias] = []
        for alias in node.names:
            name = alias.asname or alias.name
            target = self.scope.aliases.get(name)
            if target is None:
                alias.asname = self.bound_name(name)
                kept.append(alias)
            else:
                self.check(node, target)
                wanted.append(target)
        left = node if kept else ast.copy_location(ast.Pass(), node)
        node.names = kept
        if self.scope.parent is None:
            self.module.wanted[left] = wanted
        return left

    def check(self, node: ast.AST, alias: Alias) -> None:
        """Refuse an import of what is not there, or of a value that may be another one later."""
        source, name = alias
        if name is None:
            return
        scope = self.modules[source].scope
        if name not in scope.bound and name not in scope.aliases:
            raise Malformed(f"{self.module.name}.py imports {name!a}, which {source}.py does not define.")
        home, name = self.follow(alias)
        if name in self.modules[home].changing:
            self.refuse(node, f"importing {name!a}, which a function assigns to,")


def _is_endless(node: ast.expr) -> bool:
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return name.split("__", 1)[-1] in ENDLESS


_HANDLERS: dict[type[ast.AST], Callable[[_Renamer, Any], Any]] = {
    ast.Name: _Renamer.name,
    ast.Attribute: _Renamer.attribute,
    ast.Call: _Renamer.call,
    ast.FunctionDef: _Renamer.function,
    ast.Lambda: _Renamer.function_expression,
    ast.ListComp: _Renamer.comprehension,
    ast.SetComp: _Renamer.comprehension,
    ast.DictComp: _Renamer.comprehension,
    ast.GeneratorExp: _Renamer.comprehension,
    ast.ExceptHandler: _Renamer.binder,
    ast.MatchAs: _Renamer.binder,
    ast.MatchStar: _Renamer.binder,
    ast.MatchMapping: _Renamer.binder,
    ast.Global: _Renamer.declare_global,
    ast.Import: _Renamer.imported,
    ast.ImportFrom: _Renamer.imported,
}
