"""What the reference pages must not forget."""

from pathlib import Path

import pytest

from belvedere.contract import errors
from belvedere.contract.errors import EVERY_ERROR, BelvedereError
from belvedere.contract.reasons import ReasonCode
from belvedere.contract.statuses import JobStatus
from belvedere.lifecycle.status import STATUS_TABLE

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
ROOTS = {BelvedereError}


@pytest.mark.parametrize("kind", EVERY_ERROR)
def test_every_error_is_documented_with_its_status_and_code(kind: type[BelvedereError]) -> None:
    row = f"| `{kind.__name__}` | {kind.http_status} | {kind.code} |"
    assert row in (REFERENCE / "errors.md").read_text()


def test_every_error_class_is_in_the_catalogue() -> None:
    classes = {value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)}
    assert classes - ROOTS == set(EVERY_ERROR)


@pytest.mark.parametrize("code", ReasonCode)
def test_every_reason_is_documented(code: ReasonCode) -> None:
    assert f"| `{code.value}` |" in (REFERENCE / "reasons.md").read_text()


def test_no_reason_is_documented_that_there_is_not() -> None:
    rows = [line for line in (REFERENCE / "reasons.md").read_text().splitlines() if line.startswith("| `")]
    assert len(rows) == len(ReasonCode)
    assert [row for row in rows if row.count("|") != 4] == []


@pytest.mark.parametrize("status", STATUS_TABLE)
def test_every_status_is_documented_with_its_number_and_word(status: JobStatus) -> None:
    row = f"| {status.value} | `{status.name}` | {STATUS_TABLE[status].word} | "
    assert row in (REFERENCE / "contract.md").read_text()


def test_no_status_is_documented_that_jobs_never_have() -> None:
    table = (REFERENCE / "contract.md").read_text().partition("## Statuses")[2].partition("## ")[0]
    assert len([line for line in table.splitlines() if line[:3].strip("| ").isdigit()]) == len(STATUS_TABLE)
