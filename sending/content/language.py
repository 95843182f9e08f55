"""The personalisation language: Liquid, with every limit set, and only the tags and filters that a letter needs.

No tag loads another template, no filter marks text as safe, and the values that a letter sees are plain texts, numbers,
lists and dictionaries, so nothing of Python can be reached.
"""

from __future__ import annotations

from typing import Any, ClassVar

from liquid import BoundTemplate, Environment, Mode, RenderContext
from liquid.ast import Node
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.exceptions import FilterArgumentError, LiquidSyntaxError, LoopIterationLimitError
from liquid.expression import Expression
from liquid.token import Token

from posthouse.sending.content import filters, links

MAX_SOURCE_CHARACTERS = 2_000_000
MAX_LOOP_TURNS = 10_000  # in one message part altogether, nested or one after the other
MAX_OUTPUT_BYTES = 1_000_000
MAX_RANGE = 10_000
_TAGS = ("if", "unless", "case", "for", "break", "continue", "assign", "capture", "comment", "cycle", "echo", "#")


class CountingContext(RenderContext):
    """Counts loop turns over a whole message part; python-liquid's own count is of nested loops only."""

    __slots__ = ("turns",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.turns = 0

    def raise_for_loop_limit(self, length: int = 1) -> None:
        """Stop a letter that turns too often. Raises: LoopIterationLimitError."""
        self.turns += length
        if self.turns > MAX_LOOP_TURNS:
            raise LoopIterationLimitError(f"loops turn more than {MAX_LOOP_TURNS} times", token=None)


class LetterTemplate(BoundTemplate):
    """A parsed letter part."""

    context_class = CountingContext


class _CappedRange(RangeLiteral):
    """A range whose ends come from fields: measured when it is known."""

    __slots__ = ()

    def _make_range(self, start: Any, stop: Any) -> range:
        made = super()._make_range(start, stop)
        # Not len(): it overflows where a field holds a huge number.
        if made.stop - made.start > MAX_RANGE:
            raise FilterArgumentError(f"a range of more than {MAX_RANGE}", token=self.token)
        return made


class LetterEnvironment(Environment):
    """Liquid for letters; `autoescape` for HTML, none for subject and plain text."""

    block_nesting_limit: ClassVar[int] = 20
    context_depth_limit: ClassVar[int] = 30
    loop_iteration_limit: ClassVar[int | None] = MAX_LOOP_TURNS
    local_namespace_limit: ClassVar[int | None] = 1_000_000
    output_stream_limit: ClassVar[int | None] = MAX_OUTPUT_BYTES
    suppress_blank_control_flow_blocks = False
    template_class = LetterTemplate

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        """Keep what is on the lists, drop the rest."""
        super().setup_tags_and_filters(extra=False)
        pseudo = {name for name in self.tags if not name.isidentifier() or name in {"content", "output", "illegal"}} - {"#"}
        self.tags = {name: tag for name, tag in self.tags.items() if name in _TAGS or name in pseudo}
        self.filters = filters.allow_listed(self) | {"_web_url": links.web_url}

    def parse_letter(self, source: str) -> BoundTemplate:
        """Parse one part of a letter, with its ranges capped. Raises: LiquidError."""
        template = self.from_string(source)
        for node in template.nodes:
            _cap_ranges(node, template)
        for name, spans in template.analyze(include_partials=False).filters.items():
            if name not in filters.ALLOWED:
                raise LiquidSyntaxError(f"there is no filter '{name}'", token=_token_at(source, spans[0].index))
        return template


HTML = LetterEnvironment(tolerance=Mode.STRICT, autoescape=True)
TEXT = LetterEnvironment(tolerance=Mode.STRICT, autoescape=False)


def _cap_ranges(node: Node, template: BoundTemplate) -> None:
    for expression in node.expressions():
        _cap_expression(expression)
    context = RenderContext(template)
    for child in node.children(context, include_partials=False):
        _cap_ranges(child, template)


def _cap_expression(expression: Expression) -> None:
    if isinstance(expression, RangeLiteral) and not isinstance(expression, _CappedRange):
        # The parser makes ranges itself and can't be told of another class; both have the same slots.
        expression.__class__ = _CappedRange
        _refuse_long_literal(expression)
    for child in expression.children():
        _cap_expression(child)


def _refuse_long_literal(expression: RangeLiteral) -> None:
    start, stop = getattr(expression.start, "value", None), getattr(expression.stop, "value", None)
    if isinstance(start, int) and isinstance(stop, int) and stop - start > MAX_RANGE:
        raise LiquidSyntaxError(f"a range of more than {MAX_RANGE}", token=expression.token)


def _token_at(source: str, index: int) -> Token:
    return Token(kind="tag", value="", start_index=index, source=source)
