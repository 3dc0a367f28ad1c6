"""What TensorBoard answers by our shorter ways is what it would have answered."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.backend import http_util, json_util
from tensorboard.data import provider
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from belvedere.viewers.tensorboard import shortcuts

NUMBERS = st.floats() | st.floats(-1e-3, 1e-3) | st.integers(-(2**70), 2**70)
POINTS = st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS | st.lists(NUMBERS, max_size=2)), max_size=5)
LEAVES = NUMBERS | st.text() | st.binary() | st.booleans() | st.none() | st.sets(st.integers(), max_size=3)
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=12,
)


@given(POINTS | st.dictionaries(st.text(), POINTS, max_size=3) | ANYTHING)
def test_json_is_tensorboards_own(content: object) -> None:
    text = shortcuts._as_json(content)
    assert not isinstance(text, str) or isinstance(content, str) or text == _stock(content)


@pytest.mark.parametrize("content", [[(1.5, 2, 0.25)], {"a": [(1.5, 2, 0.25)], 'b"': [(0.0, 0, 1e-7)]}])
def test_points_take_a_shorter_way(content: object) -> None:
    assert shortcuts._as_json(content) == _stock(content)


@pytest.mark.parametrize("content", [[(1.0, 1, float("nan"))], {"b": b"bytes"}, [{3, 1, 2}]])
def test_what_json_has_no_words_for_is_left_to_tensorboard(content: object) -> None:
    shortcuts.take()
    request = Request(EnvironBuilder().get_environ())
    assert http_util.Respond(request, content, "application/json").get_data(as_text=True) == _stock(content)


def test_points_are_what_tensorboards_are() -> None:
    shortcuts.take()
    datum: Any = provider.ScalarDatum(step=1, wall_time=2.0, value=3.0)
    assert (datum.step, datum.wall_time, datum.value) == (1, 2.0, 3.0)
    assert datum == provider.ScalarDatum(1, 2.0, 3.0)
    assert hash(datum) == hash(provider.ScalarDatum(1, 2.0, 3.0))


def _stock(content: object) -> str:
    return json.dumps(json_util.Cleanse(content))
