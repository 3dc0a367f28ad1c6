"""From the bytes of a body to a JSON object, and from its values to checked ones. Pure.

Every refusal names the field, what was expected and what came. A field that is absent or null reads as None.
"""

import json
from collections.abc import Mapping
from typing import NoReturn

import msgspec

from belvedere.contract.errors import MalformedBody, RequestError

JsonObject = Mapping[str, object]

_decode = msgspec.json.Decoder().decode
_SHOWN = 64  # characters of a caller's value that an error repeats
_LINE_BREAKS = frozenset("\n\t")


def json_object(body: bytes) -> JsonObject:
    """The JSON object in a body. Raises MalformedBody, with the position where there is one."""
    if not body.strip():
        raise MalformedBody("The request has no body. Send a JSON object.")
    try:
        value: object = _decode(body)
    except RecursionError:
        raise MalformedBody("The JSON body is nested too deeply. Send a flat JSON object.") from None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        value = _decode_leniently(body)
    if not isinstance(value, dict):
        raise MalformedBody(f"The JSON body is {kind_of(value)}. Send a JSON object.")
    return value


def _decode_leniently(body: bytes) -> object:
    """Decode what the strict decoder refuses: to say where it is wrong, or which field holds the bad character.

    NUL bytes and lone surrogates come through here and are then refused by the field that holds them.
    """
    try:
        text = body.decode("utf-8", "surrogatepass")
        return json.loads(text, strict=False, parse_constant=_refuse_constant)
    except RecursionError:
        raise MalformedBody("The JSON body is nested too deeply. Send a flat JSON object.") from None
    except UnicodeDecodeError as error:
        raise MalformedBody(f"The body is not UTF-8 at byte {error.start}. Send JSON in UTF-8.") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise MalformedBody(f"The body is not JSON at {where}: {error.msg}. Send a JSON object.") from error
    except ValueError as error:  # such as an integer of thousands of digits
        raise MalformedBody("The body is not JSON: a number is out of range. Send a JSON object.") from error


def _refuse_constant(word: str) -> NoReturn:
    raise MalformedBody(f"The body is not JSON: it holds {word}, which JSON does not know. Send a JSON object.")


def kind_of(value: object) -> str:
    """A JSON value's type in words."""
    match value:
        case None:
            return "null"
        case bool():
            return f"a boolean ({str(value).lower()})"
        case int():
            return f"an integer ({shown(str(value))})"
        case float():
            return f"a number ({value})"
        case str():
            return f'a string ("{shown(value)}")'
        case list():
            return f"an array of {len(value)}"
        case _:
            return "an object"


def shown(text: str) -> str:
    """A caller's text made safe to repeat: unprintable characters escaped, long ones cut."""
    cut = text[:_SHOWN]
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode("ascii") for c in cut)
    return safe + "…" if len(text) > _SHOWN else safe


def refuse(field: str, expected: str, value: object) -> RequestError:
    """The error for a field of the wrong type or value."""
    return RequestError(f"{field}: expected {expected}, got {kind_of(value)}.")


def missing(field: str, expected: str) -> RequestError:
    """The error for a mandatory field that isn't there."""
    return RequestError(f"{field} is missing: expected {expected}.")


def text_of(raw: JsonObject, field: str, *, expected: str = "a string", multiline: bool = False) -> str | None:
    """A string free of control characters and lone surrogates; `multiline` allows line breaks and tabs."""
    value = raw.get(field)
    if value is None:
        return None
    if not isinstance(value, str):
        raise refuse(field, expected, value)
    return clean(value, field, multiline=multiline)


def clean(value: str, field: str, *, multiline: bool = False) -> str:
    """The text itself. Raises RequestError naming the first character that may not be in it."""
    if value.isprintable():
        return value
    for position, character in enumerate(value):
        if multiline and character in _LINE_BREAKS:
            continue
        if _is_forbidden(character):
            allowed = ", apart from line feeds and tabs" if multiline else ""
            raise RequestError(
                f"{field}: the character {shown(character)} at position {position + 1} is not allowed. "
                f"Remove control characters{allowed}, and send surrogates in pairs only."
            )
    return value


def _is_forbidden(character: str) -> bool:
    return character < " " or character == "\x7f" or "\ud800" <= character <= "\udfff"


def object_of(raw: JsonObject, field: str, *, expected: str) -> JsonObject | None:
    """A JSON object."""
    value = raw.get(field)
    if value is not None and not isinstance(value, dict):
        raise refuse(field, expected, value)
    return value
