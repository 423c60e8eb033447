from collections.abc import Sequence
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corrente import FormatError
from corrente.topics import Patterns, check_pattern, check_stream, matches, overlap


@pytest.mark.parametrize(
    ("pattern", "name", "is_match"),
    [
        ("imu/7", "imu/7", True),
        ("imu/7", "imu/70", False),
        ("imu/*", "imu/7", True),
        ("imu/*", "imu", False),
        ("imu/*", "imu/7/p/s", False),
        ("imu/**", "imu/7/p/s", True),
        ("imu/**", "imu", True),
        ("imu/**", "imus", False),
        ("**", "anything/at/all", True),
        ("**/s", "imu/7/p/s", True),
        ("*/7/**/s", "imu/7/s", True),
        ("a.b", "axb", False),
    ],
)
def test_a_star_is_one_level_and_two_are_any_number(pattern, name, is_match):
    assert matches(pattern, name) is is_match


def is_match_by_definition(wanted: list[str], levels: Sequence[str]) -> bool:
    if not wanted:
        return not levels
    first, *rest = wanted
    if first == "**":
        return any(is_match_by_definition(rest, levels[n:]) for n in range(len(levels) + 1))
    return bool(levels) and first in ("*", levels[0]) and is_match_by_definition(rest, levels[1:])


@given(
    st.lists(st.sampled_from(["*", "**", "a", "b"]), min_size=1, max_size=6),
    st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=7),
)
def test_matching_is_the_definition(wanted, levels):
    expected = is_match_by_definition(wanted, levels)
    assert matches("/".join(wanted), "/".join(levels)) is expected


@given(*[st.lists(st.sampled_from(["*", "**", "a", "b"]), min_size=1, max_size=3)] * 2)
def test_patterns_overlap_where_a_name_matches_both(one, other):
    # Of a longer name, some level is there for `**` alone, and could be left out.
    names = [n for size in range(1, 7) for n in product("ab", repeat=size)]
    expected = any(
        is_match_by_definition(one, name) and is_match_by_definition(other, name) for name in names
    )
    assert overlap("/".join(one), "/".join(other)) is expected


@given(st.lists(st.sampled_from(["a", "*/b", "**/b", "a/**", "*/**/a", "**/b/**", "**"])))
def test_several_patterns_match_what_one_of_them_matches(wanted):
    patterns = Patterns(wanted)
    for levels in ("a", "b", "ab", "ba", "aba", "abba"):
        name = "/".join(levels)
        assert patterns.match(name) is any(matches(pattern, name) for pattern in wanted)


@pytest.mark.parametrize("level", ["**", "**/*", "**/a"])
def test_no_pattern_takes_long(level):
    # A matcher that goes back to every `**` would take years.
    pattern = "/".join([*([level] * 17)[: 17 // len(level.split("/"))], "zzz"])
    assert not matches(check_pattern(pattern), "/".join(["a"] * 18))


@pytest.mark.parametrize(
    "name", ["", "/", "a//b", "a/", "-a", "a b", "ä", "a/*", "x" * 256, "a/" * 16 + "a"]
)
def test_a_name_that_cannot_be_is_refused(name):
    with pytest.raises(FormatError):
        check_stream(name)


def test_a_pattern_is_a_name_with_stars_for_levels():
    assert check_pattern("imu/*/**/s") == "imu/*/**/s"
    with pytest.raises(FormatError):
        check_pattern("imu/a*")


def test_the_longest_stream_has_topics():
    stream = check_stream("x" * 255)
    assert check_pattern(f"{stream}/pipeline/stage")
