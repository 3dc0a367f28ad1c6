"""What is wrong with a setting, in words for people: no type names, no paths of a decoder, and no secrets. Pure."""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

Path = tuple[str, ...]

_WHERE = re.compile(r"(.*?)(?: - at `\$(.*)`)?", re.DOTALL)
_STEP = re.compile(r"\.(\w+)|\[(\.\.\.|\d+)\]")
_RULES: Final = {
    "int": "a whole number",
    "float": "a number",
    "str": "a text in quotes",
    "bool": "true or false",
    "array": 'a list, like {name} = ["…"]',
    "object": "a section, like [{name}]",
}
_SECRETS: Final = frozenset({"access_key", "secret_key", "store_key", "client_secret"})
_SHOWN = 64  # characters of a value that a message repeats
# So near is a slip of the keyboard; names that a container engine makes up for its links are farther away.
_NEAR = 0.9
PREFIX: Final = "BELVEDERE_"


def explained(fault: str, values: Mapping[str, object], named: Callable[[Path], str], known: Iterable[str]) -> str:
    """A sentence for msgspec's message about `values`, of whose sections each has one key at most.

    `named` is how the source of the values spells a setting; `known` are the settings' names, for a slip among them.
    """
    found = _WHERE.fullmatch(fault)
    what, where = (found[1], found[2] or "") if found else (fault, "")
    path, value = _resolved(_STEP.findall(where), values)
    if unknown := re.search(r"unknown field `(.*)`", what):
        near = difflib.get_close_matches(unknown[1], list(known), 1)
        return f"There is no setting {named((*path, unknown[1]))}.{f' Is {near[0]} meant?' if near else ''}"
    if lacking := re.search(r"missing required field `(.*)`", what):
        return f"{named((*path, lacking[1]))} is missing."
    rule = _rule(what, ".".join(path))
    shown = "" if _SECRETS & set(path) else f", not {_shown(value)}"
    return f"{named(path)} must be {rule}{shown}."


def unknown_variables(environ: Mapping[str, str], known: Iterable[str]) -> dict[str, str]:
    """Our variables that nothing reads, each with the name that was perhaps meant, else an empty one."""
    names = [f"{PREFIX}{name.upper()}" for name in known]
    strange = sorted(name for name, value in environ.items() if name.startswith(PREFIX) and value)
    return {
        name: next(iter(difflib.get_close_matches(name, names, 1, _NEAR)), "") for name in strange if name not in names
    }


def _resolved(steps: Iterable[tuple[str, str]], values: object) -> tuple[Path, object]:
    """The path with its keys spelt out, and what stands there."""
    path: Path = ()
    for name, index in steps:
        if index.isdigit() and isinstance(values, list | tuple):
            values = values[int(index)]
            continue
        if isinstance(values, Mapping):
            key = name or str(next(iter(values)))
            path, values = (*path, key), values.get(key)
    return path, values


def _rule(what: str, name: str) -> str:
    if "enum" in what:
        return "x-forwarded-for or forwarded" if name == "proxy_header" else "path or virtual-host"
    expected = re.search(r"Expected `([^`]*)`", what)
    kinds = [_RULES.get(kind, kind) for kind in expected[1].split(" | ")] if expected else ["something else"]
    return " or ".join(kinds).format(name=name)


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "a section"
    if isinstance(value, list | tuple):
        return "a list"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
