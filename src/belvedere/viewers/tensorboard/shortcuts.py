"""Shorter ways through TensorBoard's own code, to the same bytes.

Most of what a chart's request costs is an object for each point, and a look at each number before it becomes JSON. Here
C does both. What it would not do exactly as TensorBoard does is left to TensorBoard.
"""

import functools
import json
from typing import Any, Final

import msgspec
from tensorboard.backend import http_util
from tensorboard.data import provider

_JSON: Final = "application/json"
_encode_any: Final = json.JSONEncoder(allow_nan=False).encode
_encode_numbers: Final = msgspec.json.Encoder().encode
# Signs of more than numbers, and of numbers that Python writes otherwise: 1e-05 for 0.00001, 1e+16 for 1e16.
_DIFFERS: Final = (b'"', b"n", b"e", b"0.0000")

_NUMBERS: Final = frozenset({int, float, list})


class ScalarDatum(msgspec.Struct, frozen=True, gc=False):
    """TensorBoard's own, with nothing to run in Python where one is made or read."""

    step: int
    wall_time: float
    value: float


def take() -> None:
    """Take them in the whole process. Repeatable."""
    provider.ScalarDatum = ScalarDatum
    if not isinstance(http_util.Respond, functools.partial):
        http_util.Respond = functools.partial(_respond, http_util.Respond)


def _respond(respond: Any, request: Any, content: Any, content_type: str, *args: Any, **kwargs: Any) -> Any:
    """TensorBoard's function of that name, which makes JSON of what isn't text yet."""
    if content_type == _JSON:
        content = _as_json(content)
    return respond(request, content, content_type, *args, **kwargs)


def _as_json(content: Any) -> Any:
    """The text that TensorBoard would make of it, or what it was."""
    try:
        return _text_of(content) if isinstance(content, list | dict) else content
    except (TypeError, ValueError, OverflowError):  # bytes, sets, and numbers that JSON has no words for
        return content


def _text_of(content: Any) -> str:
    if _is_points(content):
        text = _encode_numbers(content)
        if not any(sign in text for sign in _DIFFERS):
            return text.replace(b",", b", ").decode()
    elif isinstance(content, dict) and all(type(run) is str and _is_points(each) for run, each in content.items()):
        members = [f"{_encode_any(run)}: {_text_of(points)}" for run, points in content.items()]
        return f"{{{', '.join(members)}}}"
    return _encode_any(content)


def _is_points(content: Any) -> bool:
    """Whether it looks like a series: tuples of numbers, or of lists of them."""
    return (
        type(content) is list
        and bool(content)
        and type(content[0]) is tuple
        and _NUMBERS.issuperset(map(type, content[0]))
    )
