"""Record the facts of expressions and their bindings."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable
from collections.abc import Sequence as Many
from typing import Any, Final, Literal, cast

from . import model as m
from .vocabulary import LONGEST_TEXT, kind_of, names_host

Conditional = Literal["type_checking", "try", "if", "function"] | None
_TYPE_TEXT: Final = re.compile(r"[A-Za-z_][\w.\[\], |\"']*")
_MODULE_NAME: Final = re.compile(r"[A-Za-z_][\w.]*")
_IMPORTERS: Final = frozenset({"import_module", "__import__"})


class ExpressionWalker:
    """Walk expressions. `python._Walker` adds statements."""

    def __init__(self) -> None:
        self.facts = m.FileFacts()
        self.reads = self.facts.reads
        self.calls = self.facts.calls
        self.scope = 0
        self.bindings: dict[str, list[m.Expr]] = {}
        self.function: int | None = None
        self.owner: int | None = None
        self.conditional: Conditional = None
        self.fixed: tuple[int, int, int, int] | None = None
        """The position of a string annotation while its contents are processed."""

    # Scopes and bindings

    def enter(self, kind: Literal["module", "class", "function"], parent: int | None, owner: int | None) -> int:
        scope = m.Scope(kind, parent, owner)
        self.facts.scopes.append(scope)
        self.scope = len(self.facts.scopes) - 1
        self.bindings = scope.bindings
        return self.scope

    def back(self, scope: int) -> None:
        self.scope = scope
        self.bindings = self.facts.scopes[scope].bindings

    def bind(self, name: str, value: m.Expr | None) -> None:
        if value is None:
            return
        bindings = self.bindings
        elsewhere = self.facts.scopes[self.scope].elsewhere
        if elsewhere and name in elsewhere:
            bindings = self.facts.scopes[elsewhere[name]].bindings
        known = bindings.get(name)
        if known is None:
            bindings[name] = [value]
        else:
            known.append(value)

    def place(self, node: Any) -> tuple[int, int, int, int]:
        if self.fixed is not None:
            return self.fixed
        return (node.lineno, node.col_offset, node.end_lineno, node.end_col_offset)

    def self_class(self, name: str) -> int | None:
        """Return the class of `self` or `cls` if the name is the first parameter of an enclosing method."""
        scope: int | None = self.scope
        scopes = self.facts.scopes
        while scope is not None:
            here = scopes[scope]
            if here.kind == "function" and here.owner is not None:
                function = self.facts.functions[here.owner]
                if function.parameters and any(one.name == name for one in function.parameters):
                    if function.owner is not None and function.parameters[0].name == name:
                        return function.owner
                    return None
            scope = here.parent
        return None

    def assign(self, target: ast.expr, value: m.Expr | None, how: str = "=") -> None:
        if type(target) is ast.Name:
            self.bind(target.id, value)
        elif type(target) is ast.Attribute:
            self.assign_attribute(target, value, how)
        elif type(target) is ast.Tuple or type(target) is ast.List:
            self.assign_parts(target, value)
        elif type(target) is ast.Starred:
            self.assign(target.value, None)
        elif type(target) is ast.Subscript:
            self.assign_item(target, value)

    def assign_attribute(self, node: ast.Attribute, value: m.Expr | None, how: str) -> None:
        target = self.chain(node)
        if not isinstance(target, m.Attribute):
            return
        base = target.base
        if isinstance(base, m.Name):
            owner = self.self_class(base.name)
            if owner is not None:
                if value is not None:
                    self.facts.classes[owner].attributes.setdefault(target.attr, []).append(value)
                return
        self.facts.writes.append(m.AttributeWrite(target, value, how))

    def assign_parts(self, target: ast.Tuple | ast.List, value: m.Expr | None) -> None:
        for index, part in enumerate(target.elts):
            if value is None:
                self.assign(part, None)
            elif isinstance(value, m.Sequence) and len(value.items) == len(target.elts):
                self.assign(part, value.items[index])
            else:
                self.assign(part, m.Item(value.line, value.column, value.end_line, value.end_column, value, index))

    def assign_item(self, target: ast.Subscript, value: m.Expr | None) -> None:
        """Record `base[key] = value`: add the value to the contents of the base."""
        base = target.value
        key = self.expr(target.slice)
        if isinstance(base, ast.Name | ast.Attribute):
            if value is None:
                self.expr(base)
                return
            grown = m.Mapping(*self.place(target), (key,), (value,))
            if isinstance(base, ast.Name):
                self.bind(base.id, grown)
            else:
                self.assign_attribute(base, grown, "=")
        else:
            self.expr(base)

    # Expressions

    def expr(self, node: ast.expr) -> m.Expr | None:
        handler = _EXPRESSIONS.get(type(node))
        if handler is None:
            self.generic(node)
            return None
        return handler(self, node)

    def chain(self, node: ast.expr) -> m.Expr | None:
        """Convert a name or a chain of attributes without recording it as a read."""
        if type(node) is ast.Name:
            return self.name(node)
        return self.attributes(node) if type(node) is ast.Attribute else self.expr(node)

    def name(self, node: ast.Name) -> m.Name:
        fixed = self.fixed
        if fixed is not None:
            return m.Name(*fixed, node.id, self.scope)
        return m.Name(node.lineno, node.col_offset, node.end_lineno or 0, node.end_col_offset or 0, node.id, self.scope)

    def attributes(self, node: ast.Attribute) -> m.Attribute:
        """Convert a chain of attributes iteratively, so that its length is not limited by recursion."""
        links: list[ast.Attribute] = []
        inner = node.value
        while type(inner) is ast.Attribute:
            links.append(inner)
            inner = inner.value
        base = self.name(inner) if type(inner) is ast.Name else self.expr(inner)
        while links:
            base = self.link(links.pop(), base)
        return self.link(node, base)

    def link(self, node: ast.Attribute, base: m.Expr | None) -> m.Attribute:
        """Convert one link of a chain."""
        fixed = self.fixed
        if fixed is not None:
            return m.Attribute(*fixed, base, node.attr)
        return m.Attribute(
            node.lineno, node.col_offset, node.end_lineno or 0, node.end_col_offset or 0, base, node.attr
        )

    def on_name(self, node: ast.Name) -> m.Expr | None:
        found = self.name(node)
        self.reads.append(found)
        return found

    def on_attribute(self, node: ast.Attribute) -> m.Expr | None:
        found = self.attributes(node)
        self.reads.append(found)
        return found

    def on_constant(self, node: ast.Constant) -> m.Expr | None:
        value = node.value
        if type(value) is str:
            return self.text(node, value)
        line, column, end_line, end_column = self.place(node)
        what = _CONSTANTS[value] if value is None or type(value) is bool else "number"
        return m.Opaque(line, column, end_line, end_column, what)

    def text(self, node: ast.Constant, value: str) -> m.Expr:
        line, column, end_line, end_column = self.place(node)
        if len(value) > LONGEST_TEXT:
            return m.Opaque(line, column, end_line, end_column, "string")
        kind = kind_of(value) if " " not in value else None
        if kind is not None:
            self.facts.literals.append(m.Literal_(kind, value, True, "", line, column, end_line, end_column))
        return m.Text(line, column, end_line, end_column, value)

    def on_fstring(self, node: ast.JoinedStr) -> m.Expr | None:
        texts: list[str] = []
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                self.expr(part.value)
                if part.format_spec is not None:
                    self.expr(part.format_spec)
            elif isinstance(part, ast.Constant):
                texts.append(str(part.value))
        joined = "{}".join(texts)
        if "openai" in joined and len(joined) < LONGEST_TEXT and " " not in joined and names_host(joined):
            self.facts.literals.append(m.Literal_("host", joined, False, "", *self.place(node)))
        return m.Opaque(*self.place(node), "fstring")

    def on_call(self, node: ast.Call) -> m.Expr | None:
        func = self.chain(node.func)
        arguments = self.arguments(node) if node.args or node.keywords else ()
        line, column, end_line, end_column = self.place(node)
        call = m.Call(line, column, end_line, end_column, func, arguments, self.scope)
        self.calls.append(call)
        called = m.plain_name(func)
        if called == "dict" and call.arguments and type(func) is m.Name:
            return self.mapping_of(call)
        if called in _IMPORTERS:
            self.imported_by_call(call)
        if "azy" in called or "mport" in called:
            self.loaded_lazily(call)
        return call

    def arguments(self, node: ast.Call) -> tuple[m.Argument, ...]:
        arguments: list[m.Argument] = []
        place = self.place
        for one in node.args:
            if type(one) is ast.Starred:
                arguments.append(m.Argument("*", self.expr(one.value), *place(one)))
                continue
            value = self.expr(one)
            if value is None:
                arguments.append(m.Argument(None, None, *place(one)))
            else:
                arguments.append(m.Argument(None, value, value.line, value.column, value.end_line, value.end_column))
        for keyword in node.keywords:
            value = self.expr(keyword.value)
            name = keyword.arg
            line, column, end_line, end_column = place(keyword)
            arguments.append(m.Argument("**" if name is None else name, value, line, column, end_line, end_column))
            if name is not None and name.isupper() and kind_of(name) == "env":
                self.facts.literals.append(m.Literal_("env", name, True, "key", *place(keyword)))
        return tuple(arguments)

    def loaded_lazily(self, call: m.Call) -> None:
        """Record the module names that a call passes to a function such as `LazyLoader`."""
        self.facts.lazy += [
            one.value.value
            for one in call.arguments
            if isinstance(one.value, m.Text) and _MODULE_NAME.fullmatch(one.value.value)
        ]

    def mapping_of(self, call: m.Call) -> m.Mapping:
        keys: list[m.Expr | None] = []
        values: list[m.Expr | None] = []
        for one in call.arguments:
            named = one.name is not None and one.name not in ("*", "**")
            keys.append(m.Text(one.line, one.column, one.end_line, one.end_column, one.name or "") if named else None)
            values.append(one.value)
        return m.Mapping(call.line, call.column, call.end_line, call.end_column, tuple(keys), tuple(values))

    def imported_by_call(self, call: m.Call) -> None:
        if not call.arguments or not isinstance(call.arguments[0].value, m.Text):
            return
        module = call.arguments[0].value
        place = (call.line, call.column, call.end_line, call.end_column)
        name = m.ImportName(module.value, None, None, module.line, module.column, module.end_line, module.end_column)
        self.facts.imports.append(m.Import(None, 0, (name,), self.scope, self.conditional, call, *place))

    def on_await(self, node: ast.Await) -> m.Expr | None:
        return self.expr(node.value)

    def on_yield(self, node: ast.Yield) -> m.Expr | None:
        if node.value is not None:
            value = self.expr(node.value)
            if value is not None and self.function is not None:
                self.facts.functions[self.function].yields.append(value)
        return None

    def on_yield_from(self, node: ast.YieldFrom) -> m.Expr | None:
        value = self.expr(node.value)
        if value is not None and self.function is not None:
            element = m.Element(value.line, value.column, value.end_line, value.end_column, value)
            self.facts.functions[self.function].yields.append(element)
        return None

    def on_walrus(self, node: ast.NamedExpr) -> m.Expr | None:
        value = self.expr(node.value)
        self.assign(node.target, value)
        return value

    def choice(self, node: ast.expr, parts: Many[ast.expr]) -> m.Expr | None:
        return self.one_of(node, [one for one in map(self.expr, parts) if one is not None])

    def on_if_expression(self, node: ast.IfExp) -> m.Expr | None:
        self.expr(node.test)
        return self.choice(node, (node.body, node.orelse))

    def on_boolean(self, node: ast.BoolOp) -> m.Expr | None:
        return self.choice(node, node.values)

    def on_binary(self, node: ast.BinOp) -> m.Expr | None:
        if type(node.op) is ast.BitOr and _names_type(node.left) and _names_type(node.right):
            return self.types(node, (node.left, node.right))  # `Client = OpenAI | AsyncOpenAI`
        left: ast.expr = node
        while type(left) is ast.BinOp:  # long sums nest on the left: iterate instead of recursion
            self.expr(left.right)
            left = left.left
        self.expr(left)
        return m.Opaque(*self.place(node), "other")

    def on_subscript(self, node: ast.Subscript) -> m.Expr | None:
        named = node.value.id if type(node.value) is ast.Name else getattr(node.value, "attr", "")
        if named in _ALIASES:
            return self.generic_type(node)
        base = self.expr(node.value)
        index = node.slice
        key: str | int | None = None
        if type(index) is ast.Constant and isinstance(index.value, str | int):
            key = index.value
        self.expr(index)
        return m.Item(*self.place(node), base, key)

    def on_mapping(self, node: ast.Dict) -> m.Expr | None:
        keys: list[m.Expr | None] = []
        values: list[m.Expr | None] = []
        literals = self.facts.literals
        for key, value in zip(node.keys, node.values, strict=True):
            before = len(literals)
            keys.append(None if key is None else self.expr(key))
            for one in literals[before:]:
                one.role = "key"
            values.append(self.expr(value))
        return m.Mapping(*self.place(node), tuple(keys), tuple(values))

    def on_sequence(self, node: ast.List | ast.Tuple | ast.Set) -> m.Expr | None:
        items = tuple([self.expr(one) for one in node.elts])
        return m.Sequence(*self.place(node), items)

    def on_compare(self, node: ast.Compare) -> m.Expr | None:
        self.expr(node.left)
        for one in node.comparators:
            self.expr(one)
        return None

    def on_unary(self, node: ast.UnaryOp) -> m.Expr | None:
        self.expr(node.operand)
        return None

    def on_starred(self, node: ast.Starred) -> m.Expr | None:
        self.expr(node.value)
        return None

    def on_lambda(self, node: ast.Lambda) -> m.Expr | None:
        index = self.define(node, "<lambda>", node.args, (), None)
        scope, function, owner = self.scope, self.function, self.owner
        self.function, self.owner = index, None
        self.open_function(index)
        value = self.expr(node.body)
        if value is not None:
            self.facts.functions[index].returns.append(value)
        self.back(scope)
        self.function, self.owner = function, owner
        return m.FunctionValue(*self.place(node), index)

    def on_comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> m.Expr | None:
        self.generators(node.generators)
        element = self.expr(node.elt)
        return m.Sequence(*self.place(node), (element,))

    def on_dict_comprehension(self, node: ast.DictComp) -> m.Expr | None:
        self.generators(node.generators)
        self.expr(node.key)
        value = self.expr(node.value)
        return m.Mapping(*self.place(node), (None,), (value,))

    def generators(self, generators: Iterable[ast.comprehension]) -> None:
        for one in generators:
            self.iterate(one.target, one.iter)
            for test in one.ifs:
                self.expr(test)

    # Functions and lambdas

    def define(
        self,
        node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda,
        name: str,
        arguments: ast.arguments,
        decorators: tuple[m.Expr, ...],
        result: ast.expr | None,
    ) -> int:
        """Add a function. Its parameter defaults and annotations belong to the enclosing scope."""
        parameters: list[m.Parameter] = []
        positional = [*arguments.posonlyargs, *arguments.args] if arguments.posonlyargs else arguments.args
        without = len(positional) - len(arguments.defaults)
        for index, one in enumerate(positional):
            default = arguments.defaults[index - without] if index >= without else None
            parameters.append(self.parameter(one, "positional", default))
        if arguments.vararg is not None:
            parameters.append(self.parameter(arguments.vararg, "*", None))
        for one, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
            parameters.append(self.parameter(one, "keyword", default))
        if arguments.kwarg is not None:
            parameters.append(self.parameter(arguments.kwarg, "**", None))
        self.facts.functions.append(
            m.Function(
                name,
                -1,
                self.scope,
                self.owner,
                tuple(parameters),
                decorators,
                None if result is None else self.declared(result),
                isinstance(node, ast.AsyncFunctionDef),
                node.lineno,
            )
        )
        return len(self.facts.functions) - 1

    def parameter(self, node: ast.arg, kind: str, default: ast.expr | None) -> m.Parameter:
        return m.Parameter(
            node.arg,
            kind,
            None if node.annotation is None else self.declared(node.annotation),
            None if default is None else self.expr(default),
        )

    def open_function(self, index: int) -> None:
        function = self.facts.functions[index]
        function.scope = self.enter("function", self.scope, index)
        line = function.line
        for one in function.parameters:
            self.bindings[one.name] = [m.ParameterValue(line, 0, line, 0, index, one.name)]

    def iterate(self, target: ast.expr, over: ast.expr) -> None:
        value = self.expr(over)
        element = None
        if value is not None:
            element = m.Element(value.line, value.column, value.end_line, value.end_column, value)
        self.assign(target, element)

    # Annotations

    def declared(self, node: ast.expr) -> m.Expr | None:
        """Return the types in the annotation of a parameter or result; None for strings and numbers."""
        return None if type(node) is ast.Name and node.id in _PLAIN_TYPES else self.annotation(node)

    def annotation(self, node: ast.expr) -> m.Expr | None:
        """Return the types in an annotation; strings are parsed. Several types become a `Choice`, the types in a
        container a `Sequence`."""
        kind = type(node)
        if kind is ast.Name or kind is ast.Attribute:
            return self.expr(node)
        if kind is ast.Constant:
            return self.spelled(cast("ast.Constant", node))
        if kind is ast.BinOp:
            sides = cast("ast.BinOp", node)
            return self.types(node, (sides.left, sides.right))
        if kind is ast.Subscript:
            return self.generic_type(cast("ast.Subscript", node))
        self.expr(node)
        return None

    def spelled(self, node: ast.Constant) -> m.Expr | None:
        text = node.value
        if not isinstance(text, str) or len(text) > LONGEST_TEXT or not _TYPE_TEXT.fullmatch(text):
            return None
        try:
            inner = ast.parse(text, mode="eval").body
        except (SyntaxError, ValueError):
            return None
        outer = self.fixed
        self.fixed = self.place(node)
        found = self.annotation(inner)
        self.fixed = outer
        return found

    def types(self, node: ast.expr, parts: Iterable[ast.expr]) -> m.Expr | None:
        return self.one_of(node, [one for one in map(self.annotation, parts) if one is not None])

    def generic_type(self, node: ast.Subscript) -> m.Expr | None:
        name = node.value.id if isinstance(node.value, ast.Name) else getattr(node.value, "attr", "")
        if name == "Literal":
            self.expr(node.slice)
            return None
        self.expr(node.value)
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if name == "Annotated":
            first = self.annotation(parts[0])
            given = [one for one in map(self.expr, parts[1:]) if isinstance(one, m.Call)]  # `Depends(get_client)`
            return self.one_of(node, given if first is None else [first, *given])
        found = self.types(node, parts)
        if found is None or name in _TRANSPARENT:
            return found
        options = found.options if isinstance(found, m.Choice) else (found,)
        return m.Sequence(*self.place(node), options)

    def one_of(self, node: ast.expr, options: Many[m.Expr]) -> m.Expr | None:
        """Return a `Choice` of several options, the only option, or None."""
        if len(options) > 1:
            return m.Choice(*self.place(node), tuple(options))
        return options[0] if options else None

    # Nodes in neither table

    def body(self, statements: Iterable[ast.stmt]) -> None:
        """Process statements, in `python._Walker`; expressions contain none."""
        del statements

    def generic(self, node: ast.AST) -> None:
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, ast.AST):
                self.any(value)
            elif isinstance(value, list):
                for item in cast("list[object]", value):
                    if isinstance(item, ast.AST):
                        self.any(item)

    def any(self, node: ast.AST) -> None:
        if isinstance(node, ast.expr):
            self.expr(node)
        elif isinstance(node, ast.stmt):
            self.body((node,))
        else:
            self.generic(node)


def _names_type(node: ast.expr) -> bool:
    """Whether an operand of `|` may be a type."""
    kind = type(node)
    return (
        kind is ast.Name or kind is ast.Attribute or (kind is ast.Constant and cast("ast.Constant", node).value is None)
    )


_CONSTANTS: Final = {None: "none", True: "true", False: "false"}
_PLAIN_TYPES: Final = frozenset({"str", "int", "float", "bool", "bytes"})
_ALIASES: Final = frozenset({"Union", "Optional", "Annotated"})
"""Generic types that also occur in type aliases."""
_TRANSPARENT: Final = frozenset(
    [
        "Optional",
        "Union",
        "ClassVar",
        "Final",
        "Required",
        "NotRequired",
        "InitVar",
        "Awaitable",
        "Coroutine",
        "Generator",
        "AsyncGenerator",
        "Iterator",
        "AsyncIterator",
        "Iterable",
        "AsyncIterable",
        "ContextManager",
        "AsyncContextManager",
        "AbstractContextManager",
        "AbstractAsyncContextManager",
    ]
)

_EXPRESSIONS: Final[dict[type[ast.AST], Callable[[ExpressionWalker, Any], m.Expr | None]]] = {
    ast.Name: ExpressionWalker.on_name,
    ast.Attribute: ExpressionWalker.on_attribute,
    ast.Constant: ExpressionWalker.on_constant,
    ast.JoinedStr: ExpressionWalker.on_fstring,
    ast.Call: ExpressionWalker.on_call,
    ast.Await: ExpressionWalker.on_await,
    ast.Yield: ExpressionWalker.on_yield,
    ast.YieldFrom: ExpressionWalker.on_yield_from,
    ast.NamedExpr: ExpressionWalker.on_walrus,
    ast.IfExp: ExpressionWalker.on_if_expression,
    ast.BoolOp: ExpressionWalker.on_boolean,
    ast.BinOp: ExpressionWalker.on_binary,
    ast.Subscript: ExpressionWalker.on_subscript,
    ast.Compare: ExpressionWalker.on_compare,
    ast.UnaryOp: ExpressionWalker.on_unary,
    ast.Dict: ExpressionWalker.on_mapping,
    ast.List: ExpressionWalker.on_sequence,
    ast.Tuple: ExpressionWalker.on_sequence,
    ast.Set: ExpressionWalker.on_sequence,
    ast.Starred: ExpressionWalker.on_starred,
    ast.Lambda: ExpressionWalker.on_lambda,
    ast.ListComp: ExpressionWalker.on_comprehension,
    ast.SetComp: ExpressionWalker.on_comprehension,
    ast.GeneratorExp: ExpressionWalker.on_comprehension,
    ast.DictComp: ExpressionWalker.on_dict_comprehension,
}
