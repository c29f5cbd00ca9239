"""The written forms of a schema, JSON and YAML, read strictly.

Both readers keep numbers as they were written: 0.1 is one tenth, and the levels `no` and `yes` are the words. Duplicate
keys, unknown keys, YAML tags, anchors and aliases are refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

import yaml

from fedpeer.core.errors import SchemaError
from fedpeer.core.statistics.feature import Feature, Properties

_LONGEST = 8 * 2**20  # characters of a written schema
_WHOLE = ("row_bound", "bins")  # rules that are whole numbers
_RULES = ("invalid", "missing", "patient", "blocks", *_WHOLE)
_KEYS = ("name", "kind", *Properties.__annotations__)


def read_json(text: str | bytes) -> Any:
    """Return the value of a JSON text; SchemaError for bad syntax or a duplicate key."""
    try:
        return json.loads(
            _checked(text), object_pairs_hook=_object, parse_float=Decimal, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError, ArithmeticError) as error:
        raise SchemaError(f"the schema is not JSON: {error}") from None


def read_yaml(text: str | bytes) -> Any:
    """Return the value of a YAML text, every scalar as the text it was written as; SchemaError for anything odd."""
    try:
        return _Loader(_checked(text)).get_single_data()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise SchemaError(f"the schema is not YAML: {error.problem}{place}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise SchemaError(f"the schema is not YAML: {error}") from None


def write_json(form: dict[str, Any]) -> str:
    """Return the JSON text of a schema's dict form, readable and ending in a newline."""
    return json.dumps(form, ensure_ascii=False, indent=2) + "\n"


def write_yaml(form: dict[str, Any]) -> str:
    """Return the YAML text of a schema's dict form."""
    return yaml.safe_dump(form, allow_unicode=True, sort_keys=False, width=120)


def parts(form: Any) -> tuple[list[Feature], dict[str, Any]]:
    """Return the features and rules of a dict form; SchemaError names the key that is unknown or of the wrong kind."""
    if not isinstance(form, dict):
        raise SchemaError("a schema is a mapping with the key `features`")
    check_keys(form, (*_RULES, "features"), "the schema")
    listed = form.get("features")
    if not isinstance(listed, list):
        raise SchemaError("the schema has no list of `features`")
    rules = {key: _whole(form[key]) if key in _WHOLE else form[key] for key in _RULES if key in form}
    return [_feature(item, at) for at, item in enumerate(listed, 1)], rules


def suggestion(word: str, words: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the nearest of the words, or nothing."""
    near = get_close_matches(word, list(words), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def check_keys(form: dict[Any, Any], known: tuple[str, ...], what: str) -> None:
    """SchemaError, with the nearest known one, for a key that is not known."""
    for key in form:
        if key not in known:
            raise SchemaError(f"{what} has an unknown key {str(key)[:60]!r}{suggestion(str(key), known)}")


class _Loader(yaml.BaseLoader):
    """A loader of text, lists and dicts that refuses what would make one file mean two things."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Refuse anchors, aliases and tags."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) or getattr(event, "tag", None):
            raise yaml.MarkedYAMLError(problem="anchors, aliases and tags are not used", problem_mark=event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Refuse a key that is written twice, or that is not text."""
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"{key.value!r:.60} twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def _checked(text: str | bytes) -> str:
    try:
        text = text.decode() if isinstance(text, bytes) else text
    except UnicodeDecodeError:
        raise SchemaError("the schema is not UTF-8 text") from None
    if len(text) > _LONGEST:
        raise SchemaError(f"the schema is longer than {_LONGEST} characters")
    return text


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"{next(k for k in keys if keys.count(k) > 1)!r:.60} twice")
    return value


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number")


def _feature(item: Any, at: int) -> Feature:
    if not isinstance(item, dict):
        raise SchemaError(f"feature {at} of the schema is not a mapping with `name` and `kind`")
    label = f"feature {item.get('name', at)!r:.60}"
    check_keys(item, _KEYS, label)
    missing = next((key for key in ("name", "kind") if key not in item), None)
    if missing:
        raise SchemaError(f"{label} has no {missing}")
    return Feature(**item)


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        text = value.replace("_", "")
        return int(text) if text.isdecimal() and len(text) < 40 else value
    return value
