"""Whatever the OpenAPI document allows, and some of what it doesn't: no 5xx, and no answer without authorisation."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from belvedere.api.operation import Door
from belvedere.api.operations import OPERATIONS
from tests.support.served import ServedApi, served_api

pytestmark = pytest.mark.filterwarnings("ignore")  # the libraries' own affairs

KNOWN, UNKNOWN = 10, 3  # requests for each operation
OPEN = {operation.name for operation in OPERATIONS if operation.door is Door.OPEN}
NAMES = [operation.name for operation in OPERATIONS]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedApi]:
    with served_api(tmp_path_factory.mktemp("api")) as api:
        yield api


@pytest.fixture(scope="module")
def schema(served: ServedApi) -> Any:
    return schemathesis.openapi.from_url(f"{served.endpoint}/openapi.json")


def walk(schema: Any, name: str, headers: dict[str, str], project_id: str, examples: int) -> list[tuple[int, bytes]]:
    """The answers to generated requests for one operation, within the project."""
    operation = schema.find_operation_by_id(name)
    answers = []

    @given(case=operation.as_strategy())
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def send(case: Any) -> None:
        if "project_id" in (case.path_parameters or {}):
            case.path_parameters["project_id"] = project_id
        case.headers = {**{k: v for k, v in (case.headers or {}).items() if k.lower() not in KEYS}, **headers}
        answer = case.call(timeout=30)
        answers.append((answer.status_code, answer.content))

    send()
    assert answers
    return answers


KEYS = {"x-auth-token", "authorization"}


@pytest.mark.parametrize("name", [name for name in NAMES if name != "revokeToken"])
def test_nothing_breaks_with_a_token(schema: Any, served: ServedApi, name: str) -> None:
    answers = walk(schema, name, {"X-Auth-Token": served.token}, served.project_id, KNOWN)
    assert [answer for answer in answers if answer[0] >= 500] == []


def test_the_walk_gets_in(schema: Any, served: ServedApi) -> None:
    answers = walk(schema, "showMe", {"X-Auth-Token": served.token}, served.project_id, UNKNOWN)
    assert {status for status, _ in answers} == {200}


@pytest.mark.parametrize("name", [name for name in NAMES if name not in OPEN])
@pytest.mark.parametrize("token", [{}, {"X-Auth-Token": "x" * 43}], ids=["none", "wrong"])
def test_nothing_is_answered_without_a_token(schema: Any, served: ServedApi, name: str, token: dict[str, str]) -> None:
    answers = walk(schema, name, token, served.project_id, UNKNOWN)
    assert {status for status, _ in answers} == {401}
