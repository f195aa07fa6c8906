import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.errors import InvalidError
from apps.workspaces.handles import RESERVED, clean_handle, suggestions


@pytest.mark.parametrize(
    ("name", "email", "handle"),
    [
        ("Ann Lee", "x@example.com", "ann.lee"),
        ("  ÅSA Öberg ", "x@example.com", "asa.oberg"),
        ("Łukasz Straße", None, "lukasz.strasse"),
        ("李小龙", "bruce.lee@example.com", "bruce.lee"),
        ("李小龙", None, "user"),
        ("!!!", "+@example.com", "user"),
        ("here", "x@example.com", "here2"),
        ("Ann ... Lee", None, "ann.lee"),
        ("x" * 100, None, "x" * 30),
    ],
)
def test_the_first_suggestion(name, email, handle):
    assert next(suggestions(name=name, email=email)) == handle


@given(st.text(max_size=80), st.none() | st.emails())
def test_suggestions_are_valid_and_do_not_run_out(name, email):
    some = list(itertools.islice(suggestions(name=name, email=email), 25))
    assert len(set(some)) >= 12
    for handle in some:
        assert clean_handle(handle) == handle


@pytest.mark.parametrize("bad", ["", "@", ".ann", "ann.", "-", "a b", "ann@", "ä", "x" * 31, "a\0b", *RESERVED])
def test_bad_handles(bad):
    with pytest.raises(InvalidError):
        clean_handle(bad)


def test_what_people_type_is_folded():
    assert clean_handle(" @Ann.Lee ") == "ann.lee"
    assert re.fullmatch(r"[a-z0-9._-]+", clean_handle("a-b_c.d9"))
