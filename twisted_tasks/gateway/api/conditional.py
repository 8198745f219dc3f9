"""Entity tags and the conditions made of them (RFC 9110, sections 8.8.3 and 13)."""

from __future__ import annotations

import re
from typing import NamedTuple

from twisted_tasks.gateway.api.problems import BAD_HEADER, Problem
from twisted_tasks.model import VERSION_MAX

_TAG = re.compile(r'(W/)?"([!#-~\x80-\xff]*)"')
_LIST = re.compile(r'\s*,?\s*(?:(?:W/)?"[!#-~\x80-\xff]*"\s*(?:,\s*|$))+')
_VERSION = re.compile(r"v([1-9][0-9]{0,18})")


class Tags(NamedTuple):
    """The value of If-Match or If-None-Match.

    @ivar any: whether it is `*`.
    @ivar strong: the strong tags in it, without quotes.
    @ivar weak: the weak ones.
    """

    any: bool
    strong: tuple[str, ...] = ()
    weak: tuple[str, ...] = ()

    def matches_weakly(self, tag: str) -> bool:
        """Return whether this tag, which exists, is meant: how If-None-Match compares."""
        return self.any or tag in self.strong or tag in self.weak

    def versions(self) -> list[int]:
        """Return the versions of a task that are meant: how If-Match compares. Weak tags never match."""
        matches = [_VERSION.fullmatch(tag) for tag in self.strong]
        versions = [int(match[1]) for match in matches if match]
        return [version for version in versions if version <= VERSION_MAX]


def read_if_match(value: bytes | None) -> Tags | None:
    """Return the tags of If-Match; None when there is none. Raises Problem when it is no list of tags."""
    tags = None if value is None else _read(value)
    if value is not None and tags is None:
        raise Problem(BAD_HEADER, 'If-Match is a list of entity tags, in quotes ("v1"), or *')
    return tags


def read_if_none_match(value: bytes | None) -> Tags | None:
    """Return the tags of If-None-Match; None when there is none, or it is no list of tags and so matches nothing."""
    return None if value is None else _read(value)


def _read(value: bytes) -> Tags | None:
    text = value.decode("latin-1")
    if text.strip() == "*":
        return Tags(any=True)
    if not _LIST.fullmatch(text):
        return None
    found = _TAG.findall(text)
    return Tags(False, tuple(tag for weak, tag in found if not weak), tuple(tag for weak, tag in found if weak))


def tag_of(version: int) -> str:
    """Return the entity tag of a task of this version."""
    return f"v{version}"
