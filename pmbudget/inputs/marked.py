"""YAML whose keys remember the lines on which they stand, read fast where it is plain."""

import re
from collections.abc import Hashable, Mapping
from typing import Any, ClassVar

import yaml
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.resolver import implicit_resolvers
from yaml.composer import Composer
from yaml.constructor import ConstructorError

MERGE = "tag:yaml.org,2002:merge"
NOT_PLAIN = re.compile(r"[\t\x85\u2028\u2029\ufeff]|[\s\[{,:]!|^[!%]", re.MULTILINE)
"""What the two libraries may read in two ways: tabs, line breaks of other alphabets, tags and directives."""


class Keys(dict[Any, Any]):
    """A mapping and the line of each of its keys."""

    lines: Mapping[Any, int]


class Items(list[Any]):
    """A list and the line of each of its items, by number."""

    lines: Mapping[Any, int]


def marked(read: Any) -> Any:
    """What ruamel has read, as :class:`Keys` and :class:`Items`."""
    found: Keys | Items
    if isinstance(read, CommentedMap):
        found = Keys({key: marked(value) for key, value in read.items()})
    elif isinstance(read, CommentedSeq):
        found = Items([marked(item) for item in read])
    else:
        return read
    found.lines = {key: place[0] + 1 for key, place in (read.lc.data or {}).items()}
    return found


def plain_yaml(text: str) -> Keys | None:
    """The keys of a YAML 1.2 document that is plain; None where it is not, or holds no keys.

    Plain is what has no fault, tab, tag, merged or doubled key. libyaml reads it ten times as fast as ruamel, which reads the rest and
    says what is wrong with it.
    """
    if NOT_PLAIN.search(text):
        return None
    try:
        data = yaml.load(text, _Plain)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    return data if isinstance(data, Keys) else None


class _Plain(Composer, yaml.CSafeLoader):
    """Nodes are composed in Python, as libyaml's binding overflows the stack where they are nested without end."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}

    def __init__(self, text: str) -> None:
        yaml.CSafeLoader.__init__(self, text)
        Composer.__init__(self)

    def keys(self, node: Any) -> Keys:
        found, lines = Keys(), {}
        for key_node, value_node in node.value:
            key = self.construct_object(key_node, deep=True)
            if key_node.tag == MERGE or not isinstance(key, Hashable) or key in found:
                raise ConstructorError(problem="not plain")
            found[key] = self.construct_object(value_node, deep=True)
            lines[key] = key_node.start_mark.line + 1
        found.lines = lines
        return found

    def items(self, node: Any) -> Items:
        found = Items(self.construct_object(item, deep=True) for item in node.value)
        found.lines = {number: item.start_mark.line + 1 for number, item in enumerate(node.value)}
        return found

    def whole_number(self, node: Any) -> int:
        digits = node.value.replace("_", "")
        return int(digits, 0 if digits.lstrip("+-")[:2] in ("0b", "0o", "0x") else 10)


for versions, tag, pattern, first in implicit_resolvers:
    if (1, 2) in versions:
        _Plain.add_implicit_resolver(tag, pattern, first)
_Plain.add_constructor("tag:yaml.org,2002:map", _Plain.keys)
_Plain.add_constructor("tag:yaml.org,2002:seq", _Plain.items)
_Plain.add_constructor("tag:yaml.org,2002:int", _Plain.whole_number)
