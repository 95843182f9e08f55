"""Fills in one part of a letter and turns everything that can go wrong in a template into one failure."""

from __future__ import annotations

from collections.abc import Mapping

from liquid import BoundTemplate
from liquid.ast import Node
from liquid.exceptions import LiquidError, LiquidInterrupt, ResourceLimitError
from liquid.output import LimitedStringIO

from posthouse.sending.content.language import CountingContext, LetterEnvironment


class TemplateFailed(Exception):
    """A template can't be filled in. `limit` is true where it was stopped for asking too much, `tag` is the text of the tag."""

    def __init__(self, reason: str, *, limit: bool = False, tag: str = "") -> None:
        super().__init__(reason)
        self.limit = limit
        self.tag = tag


def context(template: BoundTemplate, names: Mapping[str, object]) -> CountingContext:
    """Begin one part for one recipient; the parts of a letter share nothing."""
    return CountingContext(template, globals=names)


def render_node(node: Node, made: CountingContext) -> str:
    """Fill in one node. Raises: TemplateFailed."""
    buffer = LimitedStringIO(limit=LetterEnvironment.output_stream_limit or 0)
    try:
        node.render(made, buffer)
    except ResourceLimitError as error:
        raise TemplateFailed(str(error.message), limit=True, tag=_source_tag(node)) from error
    except LiquidError as error:
        raise TemplateFailed(str(error.message), limit="more than" in str(error.message), tag=_source_tag(node)) from error
    except LiquidInterrupt as error:
        raise TemplateFailed(f"“{error}” stands outside a loop", tag=_source_tag(node)) from error
    except (ArithmeticError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise TemplateFailed(f"{type(error).__name__} in a value", tag=_source_tag(node)) from error
    return buffer.getvalue()


def render(template: BoundTemplate, names: Mapping[str, object]) -> str:
    """Fill in a whole part. Raises: TemplateFailed."""
    made = context(template, names)
    out: list[str] = []
    size = 0
    for node in template.nodes:
        out.append(render_node(node, made))
        size += len(out[-1])
        if size > (LetterEnvironment.output_stream_limit or 0):
            raise TemplateFailed("the result is too large", limit=True)
    return "".join(out)


def _source_tag(node: Node) -> str:
    """Return the text of the tag that begins this node, as far as it can be told."""
    token = node.token
    start = token.source.rfind("{", 0, token.start_index + 2)
    end = token.source.find("}", token.start_index)
    return token.source[max(start - 1, 0) : end + 2].strip() if start >= 0 and end > 0 else ""
