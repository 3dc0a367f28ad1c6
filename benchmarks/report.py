"""Tables: in a terminal and in the documentation. Pure."""

import re
from collections.abc import Mapping, Sequence
from functools import partial

import msgspec

from benchmarks.summary import Row, Spread, Unit, ratio, verdict

_HEADER = ("what", "ours", "peer", "ratio", "asked for", "")
_STEPS = {
    Unit.SECONDS: ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")),
    Unit.BYTES: ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"), (1, "B")),
    Unit.RATE: ((1, "/s"),),
    Unit.COUNT: ((1, ""),),
}


class Chapter(msgspec.Struct, frozen=True, kw_only=True):
    """A scenario's result: its rows, and what they mean."""

    name: str
    title: str
    meaning: str
    rows: tuple[Row, ...]


def figure(value: float, unit: Unit) -> str:
    """A value in the step of its unit that reads best, with three digits."""
    steps = _STEPS[unit]
    size, name = next((step for step in steps if abs(value) >= step[0]), steps[-1])
    number = value / size
    digits = 0 if abs(number) >= 100 or unit is Unit.COUNT else 1 if abs(number) >= 10 else 2
    return f"{number:,.{digits}f} {name}".rstrip()


def times(value: float) -> str:
    """A ratio in words."""
    return f"{value:,.0f}×" if value >= 100 else f"{value:.1f}×" if value >= 10 else f"{value:.2f}×"


def table(rows: Sequence[Row]) -> str:
    """The rows as a table in Markdown."""
    cells = [_HEADER, *map(_cells, rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEADER))]
    rule = tuple("-" * width for width in widths)
    return "\n".join(_line(line, widths) for line in (cells[0], rule, *cells[1:]))


def chapter_text(chapter: Chapter) -> str:
    """A chapter of the documentation."""
    return f"### {chapter.title}\n\n{chapter.meaning}\n\n{table(chapter.rows)}"


def replaced(document: str, parts: Mapping[str, str]) -> str:
    """The document with the generated parts of these names replaced. Raises KeyError for one without its markers."""
    for name, text in parts.items():
        pattern = re.compile(f"({_begin(name)}\n).*?({_end(name)})", re.DOTALL)
        if not pattern.search(document):
            raise KeyError(f"The document has no part {name}: add {_begin(name)} and {_end(name)}.")
        document = pattern.sub(partial(_with_text, text), document)
    return document


def _with_text(text: str, found: re.Match[str]) -> str:
    return f"{found[1]}{text}\n{found[2]}"


def _begin(name: str) -> str:
    return f"<!-- generated: {name} -->"


def _end(name: str) -> str:
    return f"<!-- end: {name} -->"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"


def _cells(row: Row) -> tuple[str, ...]:
    better = ratio(row)
    return (
        row.what,
        _measured(row.ours, row.unit),
        _of_peer(row),
        f"**{times(better)}**" if better is not None else "",
        _wanted(row),
        verdict(row).value,
    )


def _of_peer(row: Row) -> str:
    if row.peer is None:
        return ""
    how = f", measured on 1/{row.scale:g} and scaled" if row.scale != 1 else ""
    return f"{_measured(row.peer, row.unit)} {row.against}{how}"


def _measured(values: Spread, unit: Unit) -> str:
    if values.n == 1:
        return f"{figure(values.median, unit)} (n=1)"
    return f"{figure(values.median, unit)} ({figure(values.low, unit)} to {figure(values.high, unit)}, n={values.n})"


def _wanted(row: Row) -> str:
    words = [f"≥ {row.at_least:g}×"] if row.at_least is not None else []
    if row.at_most is not None:
        words.append(f"≤ {figure(row.at_most, row.unit)}")
    return ", ".join(words)
