"""Names of streams and topics, and the patterns that match them.

A stream is named by levels: `imu/7`. A topic is `STREAM/PIPELINE/STAGE`, or `STREAM` for the raw
stream. In a pattern `*` stands for one level and `**` for any number of levels, none included.
"""

import re
from collections.abc import Iterable
from functools import cache

from corrente.errors import FormatError

MAX_NAME_LENGTH = 255
MAX_LEVELS = 16
MAX_TOPIC_LENGTH = 3 * MAX_NAME_LENGTH + 2

_LEVEL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:+-]*")


def check_stream(name: str) -> str:
    """`name`, if a stream may be called so; raises `FormatError` where not."""
    return _checked("a stream's name", name, name.split("/"), MAX_NAME_LENGTH, MAX_LEVELS)


def check_pattern(pattern: str) -> str:
    """`pattern`, if it can match topics; raises `FormatError` where not."""
    levels = ["x" if level in ("*", "**") else level for level in pattern.split("/")]
    return _checked("a topic", pattern, levels, MAX_TOPIC_LENGTH, MAX_LEVELS + 2)


def _checked(what: str, name: str, levels: list[str], longest: int, most: int) -> str:
    if not name or len(name) > longest or len(levels) > most:
        raise FormatError(
            f"{what} has 1 to {longest} characters in at most {most} levels, got {name[:80]!r}"
        )
    for level in levels:
        if not _LEVEL.fullmatch(level):
            raise FormatError(
                f"a level of {what} is letters, digits and _ . : + - "
                f"(the first a letter, a digit or _), got {level!r} in {name!r}"
            )
    return name


def has_wildcard(pattern: str) -> bool:
    """Whether the pattern can match more than one topic."""
    return "*" in pattern


def topic(stream: str, pipeline: str, stage: str) -> str:
    """The topic's name; of the raw stream where pipeline and stage are empty."""
    return f"{stream}/{pipeline}/{stage}" if pipeline else stream


def matches(pattern: str, name: str) -> bool:
    """Whether the pattern stands for the name, level by level.

    >>> matches("imu/*/activity/smooth", "imu/7/activity/smooth")
    True
    >>> matches("imu/*", "imu/7/activity/smooth")
    False
    >>> matches("imu/**", "imu/7/activity/smooth")
    True
    """
    return Patterns((pattern,)).match(name)


def overlap(one: str, other: str) -> bool:
    """Whether there is a name that matches both patterns.

    >>> overlap("imu/**/smooth", "*/activity/*")
    True
    >>> overlap("imu/*", "*/activity/*")
    False
    """
    ours, theirs = one.split("/"), other.split("/")

    @cache
    def meet(i: int, j: int) -> bool:
        if i == len(ours) or j == len(theirs):
            return all(level == "**" for level in (*ours[i:], *theirs[j:]))
        pair = (ours[i], theirs[j])
        if "**" in pair:  # it stands for no more, or for the other's level, too
            return meet(i + 1, j) or meet(i, j + 1)
        return ("*" in pair or ours[i] == theirs[j]) and meet(i + 1, j + 1)

    return meet(0, 0)


class Patterns:
    """Several patterns at once, where any may match: how many they are hardly matters.

    The bits of an integer are the places before each pattern's levels, and behind its last; those
    that a name can have come to are found level by level, for all patterns together.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        self._begin = self._stars = self._done = 0
        self._passing: dict[str, int] = {"*": 0}  # a level -> the places it leads on from
        place = 1
        for pattern in patterns:
            self._begin |= place
            before = ""
            for level in pattern.split("/"):
                if level == before == "**":
                    continue
                if level == "**":
                    self._stars |= place
                else:
                    self._passing[level] = self._passing.get(level, 0) | place
                place <<= 1
                before = level
            self._done |= place
            place <<= 1
        self._begin = self._skip(self._begin)

    def match(self, name: str) -> bool:
        """Whether one of them stands for the name."""
        places, any_level = self._begin, self._passing["*"]
        for level in name.split("/"):
            passing = places & (any_level | self._passing.get(level, 0))
            places = self._skip(passing << 1 | places & self._stars)
        return bool(places & self._done)

    def _skip(self, places: int) -> int:
        # `**` stands for no level, too. There are no two of them in a row.
        return places | (places & self._stars) << 1
