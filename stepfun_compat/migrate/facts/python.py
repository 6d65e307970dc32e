"""Read the facts of one Python file in a single pass over its syntax tree.

Statements bind names and attributes to expressions (`model.Expr`); expressions are recorded when they are called, read
or written. Only scopes are resolved here; linking resolves names.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from typing_extensions import override

from . import model as m
from .expressions import Conditional, ExpressionWalker
from .ignores import ignored_rules


def parse(text: bytes | str) -> ast.Module:
    """Parse a module, suppressing the syntax warnings of its literals.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: as `ast.parse` does.
    """
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)


def facts_of(tree: ast.Module, text: str | None = None) -> m.FileFacts:
    """Return the facts of a parsed module, and with `text` its `# stepfun: ignore[…]` comments.

    Raises:
        RecursionError: the tree is nested too deeply.
    """
    walker = _Walker()
    walker.module(tree)
    if text is not None and "stepfun:" in text:
        for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1):
            rules = ignored_rules(line)
            if rules is not None:
                walker.facts.ignores[number] = rules
    return walker.facts


class _Walker(ExpressionWalker):
    def module(self, tree: ast.Module) -> None:
        self.enter("module", None, None)
        self.body(tree.body)

    # Statements

    @override
    def body(self, statements: Iterable[ast.stmt]) -> None:
        table = _STATEMENTS
        for statement in statements:
            handler = table.get(type(statement))
            if handler is None:
                self.generic(statement)
            else:
                handler(self, statement)

    def under(self, conditional: Conditional, statements: Iterable[ast.stmt]) -> None:
        outer = self.conditional
        if outer is None or conditional in ("type_checking", "function"):
            self.conditional = conditional
        self.body(statements)
        self.conditional = outer

    def on_import(self, node: ast.Import) -> None:
        names: list[m.ImportName] = []
        for alias in node.names:
            bound = alias.asname or alias.name.partition(".")[0]
            place = self.place(alias)
            names.append(m.ImportName(alias.name, alias.asname, bound, *place))
            self.bind(bound, m.Imported(*place, alias.name if alias.asname else bound, None, 0))
        self.facts.imports.append(
            m.Import(None, 0, tuple(names), self.scope, self.conditional, None, *self.place(node))
        )

    def on_import_from(self, node: ast.ImportFrom) -> None:
        names: list[m.ImportName] = []
        module = node.module or ""
        for alias in node.names:
            place = self.place(alias)
            if alias.name == "*":
                names.append(m.ImportName("*", None, None, *place))
                self.facts.scopes[self.scope].stars.append(m.Imported(*place, module, None, node.level))
                continue
            bound = alias.asname or alias.name
            names.append(m.ImportName(alias.name, alias.asname, bound, *place))
            self.bind(bound, m.Imported(*place, module, alias.name, node.level))
        self.facts.imports.append(
            m.Import(module, node.level, tuple(names), self.scope, self.conditional, None, *self.place(node))
        )

    def on_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        decorators = tuple(one for one in map(self.expr, node.decorator_list) if one is not None)
        index = self.define(node, node.name, node.args, decorators, node.returns)
        self.bind(node.name, m.FunctionValue(*self.place(node), index))
        scope, function, owner, conditional = self.scope, self.function, self.owner, self.conditional
        self.function, self.owner = index, None
        if conditional != "type_checking":
            self.conditional = "function"
        self.open_function(index)
        self.body(node.body)
        self.back(scope)
        self.function, self.owner, self.conditional = function, owner, conditional

    def on_class(self, node: ast.ClassDef) -> None:
        decorators = tuple(one for one in map(self.expr, node.decorator_list) if one is not None)
        bases = tuple(one for one in map(self.expr, node.bases) if one is not None)
        for keyword in node.keywords:
            self.expr(keyword.value)
        index = len(self.facts.classes)
        cls = m.Class(node.name, -1, self.scope, bases, decorators, node.lineno)
        self.facts.classes.append(cls)
        self.bind(node.name, m.ClassValue(*self.place(node), index))
        scope, owner, function = self.scope, self.owner, self.function
        cls.scope = self.enter("class", scope, index)
        self.owner = index
        self.function = None
        self.body(node.body)
        self.back(scope)
        self.owner, self.function = owner, function

    def on_return(self, node: ast.Return) -> None:
        if node.value is None:
            return
        value = self.expr(node.value)
        if value is not None and self.function is not None:
            self.facts.functions[self.function].returns.append(value)

    def on_assign(self, node: ast.Assign) -> None:
        value = self.expr(node.value)
        for target in node.targets:
            self.assign(target, value)

    def on_annotated(self, node: ast.AnnAssign) -> None:
        value = None if node.value is None else self.expr(node.value)
        type_ = self.annotation(node.annotation)
        if type_ is not None:
            target = node.target
            typed = m.Annotated(*self.place(node.annotation), type_)
            if isinstance(target, ast.Name):
                if self.owner is not None:
                    self.facts.classes[self.owner].annotations[target.id] = type_
                else:
                    self.bind(target.id, typed)
            elif isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
                owner = self.self_class(target.value.id)
                if owner is not None:
                    self.facts.classes[owner].annotations[target.attr] = type_
        if node.value is not None:
            self.assign(node.target, value)

    def on_augmented(self, node: ast.AugAssign) -> None:
        value = self.expr(node.value)
        self.assign(node.target, value, "+=")

    def on_delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            if isinstance(target, ast.Attribute):
                self.assign_attribute(target, None, "del")
            elif not isinstance(target, ast.Name):
                self.expr(target)

    def on_expression(self, node: ast.Expr) -> None:
        if not (isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)):
            self.expr(node.value)

    def on_if(self, node: ast.If) -> None:
        here: ast.If | None = node
        while here is not None:
            test = here.test
            typing_only = (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
                isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
            )
            self.expr(test)
            self.under("type_checking" if typing_only else "if", here.body)
            rest = here.orelse
            if len(rest) == 1 and type(rest[0]) is ast.If:
                here = rest[0]
            else:
                self.under("if", rest)
                here = None

    def on_try(self, node: ast.Try) -> None:
        self.under("try", node.body)
        for handler in node.handlers:
            if handler.type is not None:
                self.expr(handler.type)
            self.under("try", handler.body)
        self.under("try", node.orelse)
        self.body(node.finalbody)

    def on_with(self, node: ast.With | ast.AsyncWith) -> None:
        for item in node.items:
            value = self.expr(item.context_expr)
            if item.optional_vars is not None:
                entered = (
                    None
                    if value is None
                    else m.Entered(value.line, value.column, value.end_line, value.end_column, value)
                )
                self.assign(item.optional_vars, entered)
        self.body(node.body)

    def on_for(self, node: ast.For | ast.AsyncFor) -> None:
        self.iterate(node.target, node.iter)
        self.body(node.body)
        self.body(node.orelse)

    def on_while(self, node: ast.While) -> None:
        self.expr(node.test)
        self.body(node.body)
        self.body(node.orelse)

    def on_global(self, node: ast.Global) -> None:
        for name in node.names:
            self.facts.scopes[self.scope].elsewhere[name] = 0

    def on_nonlocal(self, node: ast.Nonlocal) -> None:
        scopes = self.facts.scopes
        for name in node.names:
            scope = scopes[self.scope].parent
            while scope is not None and not (scopes[scope].kind == "function" and name in scopes[scope].bindings):
                scope = scopes[scope].parent
            if scope is not None:
                scopes[self.scope].elsewhere[name] = scope

    def on_raise(self, node: ast.Raise) -> None:
        for part in (node.exc, node.cause):
            if part is not None:
                self.expr(part)

    def on_nothing(self, node: ast.stmt) -> None:
        del node


_STATEMENTS: Final[dict[type[ast.AST], Callable[[_Walker, Any], None]]] = {
    ast.Import: _Walker.on_import,
    ast.ImportFrom: _Walker.on_import_from,
    ast.FunctionDef: _Walker.on_function,
    ast.AsyncFunctionDef: _Walker.on_function,
    ast.ClassDef: _Walker.on_class,
    ast.Return: _Walker.on_return,
    ast.Assign: _Walker.on_assign,
    ast.AnnAssign: _Walker.on_annotated,
    ast.AugAssign: _Walker.on_augmented,
    ast.Delete: _Walker.on_delete,
    ast.Expr: _Walker.on_expression,
    ast.If: _Walker.on_if,
    ast.Try: _Walker.on_try,
    ast.With: _Walker.on_with,
    ast.AsyncWith: _Walker.on_with,
    ast.For: _Walker.on_for,
    ast.AsyncFor: _Walker.on_for,
    ast.While: _Walker.on_while,
    ast.Global: _Walker.on_global,
    ast.Nonlocal: _Walker.on_nonlocal,
    ast.Raise: _Walker.on_raise,
    ast.Pass: _Walker.on_nothing,
    ast.Break: _Walker.on_nothing,
    ast.Continue: _Walker.on_nothing,
}
_TRY_STAR: Any = getattr(ast, "TryStar", None)
if _TRY_STAR is not None:
    _STATEMENTS[_TRY_STAR] = _Walker.on_try
