"""One part of a message, split at its personal places: literal bytes, tokens, and slots that Liquid fills."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from liquid import BoundTemplate
from liquid.ast import Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import FilteredExpression, Path
from liquid.builtin.output import OutputNode

from posthouse.sending.content import encoding, language, rendering, slots
from posthouse.sending.content.language import LetterEnvironment
from posthouse.sending.content.slots import Quick


@dataclass(slots=True)
class Addresses:
    """Where a message's links lead: text before and after the token."""

    base: str
    revision: str

    def around(self, name: str, number: int | None = None) -> tuple[str, str]:
        """Return what stands before and after the token in the address of this name."""
        kinds = {"_o": "o", "unsubscribe_url": "u", "preferences_url": "p"}
        return (f"{self.base}/t/c/", f"/{self.revision}-{number}") if name == "_l" else (f"{self.base}/t/{kinds[name]}/", "")


@dataclass(slots=True)
class Part:
    """`pieces` is the part with holes where a token or a slot goes; `names` are those that its quick places ask for.

    `slots` are the places that need Liquid, by the template that they stand in: what one assigns holds to its end.
    """

    pieces: list[bytes] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    quick: list[tuple[int, Callable[[Mapping[str, object]], bytes]]] = field(default_factory=list)
    slots: list[tuple[BoundTemplate, list[tuple[int, Node]]]] = field(default_factory=list)
    names: set[str] = field(default_factory=set)

    def fill(self, token: bytes, names: Mapping[str, object]) -> bytes:
        """Return the part for one recipient; `token` is encoded already. Raises: TemplateFailed."""
        made = self.pieces.copy()
        for place in self.tokens:
            made[place] = token
        for place, fill in self.quick:
            made[place] = fill(names)
        for template, nodes in self.slots:
            context = rendering.context(template, names)
            for place, node in nodes:
                made[place] = encoding.encode(rendering.render_node(node, context))
        return b"".join(made)

    def add(self, more: Part | bytes) -> None:
        """Append another part, or what stands between two."""
        if isinstance(more, bytes):
            self.pieces.append(more)
            return
        shift = len(self.pieces)
        self.pieces += more.pieces
        self.tokens += [place + shift for place in more.tokens]
        self.quick += [(place + shift, fill) for place, fill in more.quick]
        self.slots += [(template, [(place + shift, node) for place, node in nodes]) for template, nodes in more.slots]
        self.names |= more.names


def joined(*parts: Part | bytes) -> Part:
    """Make one part out of several."""
    whole = Part()
    for part in parts:
        whole.add(part)
    return whole


class Line:
    """A subject: text with personal places, unencoded."""

    def __init__(self, source: str) -> None:
        self._template = language.TEXT.from_string(source)
        self._steps: list[str | Quick] | None = []
        self.names: set[str] = set()  # that it asks for, as far as it is quick
        for node in self._template.nodes:
            step = node.text if isinstance(node, ContentNode) else slots.quick(node, language.TEXT)
            if step is None:
                self._steps = None
                break
            self._steps.append(step)
            if isinstance(step, Quick):
                self.names.add(step.name)

    @property
    def quick(self) -> bool:
        """Whether it does without Liquid."""
        return self._steps is not None

    def fill(self, names: Mapping[str, object]) -> str:
        """Return the line for one recipient. Raises: TemplateFailed."""
        if self._steps is None:
            return rendering.render(self._template, names)
        return "".join([step if isinstance(step, str) else step(names) for step in self._steps])


class PartBuilder:
    """Splits one parsed part; what is the same for every recipient becomes bytes now."""

    def __init__(self, addresses: Addresses, constants: Mapping[str, str]) -> None:
        self._addresses = addresses
        self._constants = constants

    def build(self, source: str, environment: LetterEnvironment) -> Part:
        """Build one part of a compiled letter. Raises: liquid.exceptions.LiquidError."""
        template = environment.from_string(source.rstrip("\n") + "\n")
        assigns = bool(template.analyze(include_partials=False).locals)
        part, nodes = Part(), list[tuple[int, Node]]()
        literal = ""
        for node in template.nodes:
            fixed = self._fixed(node, environment)
            if isinstance(fixed, str):
                literal += fixed
                continue
            if fixed is None:
                self._literal(part, literal)
                fill = None if assigns else slots.quick(node, environment)
                if fill:
                    part.quick.append((len(part.pieces), fill.encoded))
                    part.names.add(fill.name)
                else:
                    nodes.append((len(part.pieces), node))
                part.pieces.append(b"")
                literal = ""
                continue
            before, literal_after = fixed
            self._literal(part, literal + before)
            part.tokens.append(len(part.pieces))
            part.pieces.append(b"")
            literal = literal_after
        self._literal(part, literal)
        if nodes:
            part.slots.append((template, nodes))
        return part

    @staticmethod
    def _literal(part: Part, text: str) -> None:
        if text:
            part.pieces.append(encoding.encode(text))

    def _fixed(self, node: Node, environment: LetterEnvironment) -> str | tuple[str, str] | None:
        """Return a literal, the text around a token, or None for a place that has to be filled in."""
        if isinstance(node, ContentNode):
            return node.text
        if not isinstance(node, OutputNode) or not isinstance(node.expression, FilteredExpression) or node.expression.filters:
            return None
        path = node.expression.left.path if isinstance(node.expression.left, Path) else []
        match path:
            case ["_l", int(number)]:
                return self._addresses.around("_l", number)
            case [("_o" | "unsubscribe_url" | "preferences_url") as name]:
                return self._addresses.around(str(name))
            case [str(name)] if name in self._constants:
                return html.escape(self._constants[name]) if environment.autoescape else self._constants[name]
        return None
