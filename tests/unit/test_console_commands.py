"""Commands that the console shows work as they stand, in whichever project they are shown."""

from belvedere.console.commands import create_by_curl, create_command, list_command, logs_command
from tests.support.console import ORIGIN, RULES
from tests.support.gateway import PROJECT

OTHER = "b" * 32


def test_in_the_first_project_they_take_the_token_that_lies_in_the_data_folder() -> None:
    for command in (create_command(RULES, PROJECT), logs_command(RULES, PROJECT, 1), list_command(RULES, PROJECT)):
        assert command.endswith(" --data /srv/belvedere")
    assert "/srv/belvedere/bootstrap.json" in create_by_curl(RULES, PROJECT)


def test_in_another_project_they_name_it_and_take_a_token_from_the_environment() -> None:
    for command in (create_command(RULES, OTHER), logs_command(RULES, OTHER, 1), list_command(RULES, OTHER)):
        assert command.endswith(f" --endpoint {ORIGIN} --project {OTHER}")
    assert create_by_curl(RULES, OTHER).startswith(f"token=$BELVEDERE_TOKEN\ncurl -X POST {ORIGIN}/v1/{OTHER}/")
