"""Reaching definitions: the bindings that may have set the value of a variable where it is read, never too few."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from .tree import FUNCTIONS, Function, Tree, Variable, parameters

State = dict[Variable, frozenset[ast.AST]]
"""The bindings that may be the latest; no entry for a variable that is not bound yet."""


class Flow:
    """The reaching definitions of each name that is read in the function or module that binds it.

    A name that is read in an inner function, or that another scope binds, has all bindings of its variable.
    """

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._reaching: dict[ast.AST, frozenset[ast.AST]] = {}
        self._bound: dict[Variable, list[ast.AST]] = {}
        self._walk(tree.module.body, {})
        for node in tree.nodes:
            if isinstance(node, Function):
                self._walk(node.body, self._entered(node))

    def bindings(self, node: ast.Name) -> Sequence[ast.AST]:
        """Return the bindings that may have set the value of a name that is read."""
        variable = self.tree.variables.get(node)
        if variable is None:
            return ()
        found = self._reaching.get(node)
        if found is None or variable.declared or variable.scope.kind not in ("module", "function"):
            return variable.bindings
        return [one for one in variable.bindings if one in found]

    def is_constant(self, node: ast.expr) -> bool:
        """Whether an expression is a constant other than None, an f-string, or a name for one of these."""
        if isinstance(node, ast.Name):
            values = [self.tree.parents.get(one) for one in self.bindings(node)]
            return bool(values) and all(
                isinstance(one, ast.Assign) and not isinstance(one.value, ast.Name) and self.is_constant(one.value)
                for one in values
            )
        return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and node.value is not None)

    def _entered(self, node: Function) -> State:
        """Return the state at the start of a function, where its parameters are bound."""
        given = node.args
        arguments = [*parameters(given), given.vararg, given.kwarg]
        variables = ((one, self.tree.variables.get(one)) for one in arguments if one is not None)
        return {variable: frozenset([one]) for one, variable in variables if variable is not None}

    # Statements. Each method returns the state after the statement, or None if execution does not continue there.

    def _walk(self, body: Iterable[ast.stmt], state: State) -> State | None:
        """Return the state after statements, or None if execution does not continue after them."""
        for statement in body:
            after = self._statement(statement, state)
            if after is None:
                return None
            state = after
        return state

    def _statement(self, node: ast.stmt, state: State) -> State | None:
        if isinstance(node, ast.If):
            self._expression(node.test, state)
            return _joined(self._walk(node.body, dict(state)), self._walk(node.orelse, dict(state)))
        if isinstance(node, ast.For | ast.AsyncFor | ast.While):
            return self._loop(node, state)
        if isinstance(node, ast.Try) or type(node).__name__ == "TryStar":
            return self._attempt(node, state)
        if isinstance(node, ast.With | ast.AsyncWith):
            for item in node.items:
                self._expression(item, state)
            after = self._walk(node.body, dict(state))
            return _joined(after, self._made_uncertain(node.body, state))  # the context manager may suppress errors
        if isinstance(node, ast.Match):
            self._expression(node.subject, state)
            return self._cases(node, state)
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            self._definition(node, state)
            return state
        self._expression(node, state)
        return None if isinstance(node, ast.Return | ast.Raise | ast.Break | ast.Continue) else state

    def _loop(self, node: ast.For | ast.AsyncFor | ast.While, state: State) -> State | None:
        if not isinstance(node, ast.While):
            self._expression(node.iter, state)
        entered = self._made_uncertain([node], state)
        if isinstance(node, ast.While):
            self._expression(node.test, entered)
        inside = dict(entered)
        if not isinstance(node, ast.While):
            self._expression(node.target, inside)
        self._walk(node.body, inside)
        self._walk(node.orelse, dict(entered))
        return entered

    def _attempt(self, node: ast.stmt, state: State) -> State | None:
        parts = vars(node)
        anywhere = self._made_uncertain(parts["body"], state)
        after = self._walk(parts["body"], dict(state))
        if after is not None:
            after = self._walk(parts["orelse"], after)
        for handler in parts["handlers"]:
            entered = dict(anywhere)
            if handler.type is not None:
                self._expression(handler.type, entered)
            self._bind(handler, entered)
            after = _joined(after, self._walk(handler.body, entered))
        if not parts["finalbody"]:
            return after
        self._walk(parts["finalbody"], self._made_uncertain([node], state))
        return None if after is None else self._walk(parts["finalbody"], after)

    def _cases(self, node: ast.Match, state: State) -> State | None:
        after: State | None = dict(state)
        for case in node.cases:
            entered = dict(state)
            self._expression(case.pattern, entered)
            if case.guard is not None:
                self._expression(case.guard, entered)
            after = _joined(after, self._walk(case.body, entered))
        return after

    def _definition(self, node: ast.AST, state: State) -> None:
        """Process a definition, without its body: decorators, bases and defaults read names, and its name is bound."""
        parts = vars(node)
        for one in [*parts.get("decorator_list", ()), *parts.get("bases", ()), *parts.get("keywords", ())]:
            self._expression(one, state)
        given = parts.get("args")
        if isinstance(given, ast.arguments):
            for default in (*given.defaults, *given.kw_defaults):
                if default is not None:
                    self._expression(default, state)
        self._bind(node, state)

    def _made_uncertain(self, nodes: Sequence[ast.AST], state: State) -> State:
        """Return a state in which every binding in these nodes may or may not have run."""
        state = dict(state)
        for top in nodes:
            for node in ast.walk(top):
                variable = self.tree.variables.get(node)
                if variable is not None and node in variable.bindings:
                    state[variable] = state.get(variable, frozenset()) | {node}
        return state

    # Expressions

    def _expression(self, node: ast.AST, state: State) -> None:
        """Record the bindings of the names in an expression or simple statement, and apply its own."""
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            variable = self.tree.variables.get(node)
            if variable is not None:
                known = self._reaching.get(node, frozenset())
                self._reaching[node] = known | state.get(variable, frozenset(variable.bindings))
            return
        if isinstance(node, ast.Lambda):
            self._definition(node, state)
            return
        for child in _in_order(node):
            self._expression(child, state)
        if isinstance(node, ast.NamedExpr):
            self._weakly(node.target, state)
        else:
            self._bind(node, state)

    def _bind(self, node: ast.AST, state: State) -> None:
        variable = self.tree.variables.get(node)
        if variable is not None and not isinstance(node, ast.Lambda) and node in variable.bindings:
            state[variable] = frozenset([node])

    def _weakly(self, node: ast.AST, state: State) -> None:
        variable = self.tree.variables.get(node)
        if variable is not None:
            state[variable] = state.get(variable, frozenset()) | {node}


def _joined(one: State | None, other: State | None) -> State | None:
    if one is None or other is None:
        return other if one is None else one
    return {key: one.get(key, frozenset()) | other.get(key, frozenset()) for key in {**one, **other}}


def _in_order(node: ast.AST) -> Iterable[ast.AST]:
    """Return the parts of a node in order of evaluation: values before their targets."""
    if isinstance(node, ast.Assign):
        return (node.value, *node.targets)
    if isinstance(node, ast.AnnAssign | ast.AugAssign):
        return (*([] if node.value is None else [node.value]), node.target)
    if isinstance(node, ast.NamedExpr):
        return (node.value,)
    if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp):
        results = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        return (*node.generators, *results)
    if isinstance(node, ast.GeneratorExp):
        return (node.generators[0].iter,)  # the rest is evaluated later
    return ast.iter_child_nodes(node)
