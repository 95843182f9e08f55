"""Turn a file's shape and mapping into what is stored with the import, and back."""

from __future__ import annotations

from collections.abc import Mapping as AnyMapping
from typing import Any

from posthouse.tenants.contacts.rules import DateOrder, FieldKind
from posthouse.tenants.imports.encoding import Encoding
from posthouse.tenants.imports.reader import Shape
from posthouse.tenants.imports.rows import Mapping, Target


def dump_shape(shape: Shape) -> dict[str, object]:
    """Return a shape as JSON."""
    encoding = shape.encoding
    return {
        "encoding": encoding.name,
        "skip_bytes": encoding.skip_bytes,
        "mixed": encoding.mixed,
        "delimiter": shape.delimiter,
        "header": shape.header,
        "hint": shape.hint,
    }


def load_shape(stored: AnyMapping[str, Any]) -> Shape:
    """Return a stored shape."""
    encoding = Encoding(stored["encoding"], stored["skip_bytes"], stored["mixed"])
    return Shape(encoding, stored["delimiter"], header=stored["header"], hint=stored["hint"])


def dump_mapping(mapping: Mapping) -> dict[str, object]:
    """Return a mapping as JSON."""
    columns = [{"name": c.name, "target": c.target, "kind": c.kind, "choices": list(c.choices)} for c in mapping.columns]
    return {"columns": columns, "order": mapping.order, "allow_reserved": mapping.allow_reserved}


def load_mapping(stored: AnyMapping[str, Any]) -> Mapping:
    """Return a stored mapping."""
    columns = tuple(Target(c["name"], c["target"], FieldKind(c["kind"]), tuple(c["choices"])) for c in stored["columns"])
    return Mapping(columns, DateOrder(stored["order"]), stored["allow_reserved"])
