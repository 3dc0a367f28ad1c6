"""A client for one command: connected, its errors turned into failures, jobs found by id or name."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

import click

from belvedere.cli.connection import Connection, Flags, current
from belvedere.cli.exits import Exit, Failure, as_json, as_text
from belvedere.cli.output import Format
from belvedere.client import (
    ApiError,
    BadRequest,
    Client,
    ClientError,
    InvalidConnection,
    ListQuery,
    NotAuthorized,
    NotFound,
    Refused,
    ServiceUnavailable,
    UnexpectedAnswer,
    Unreachable,
    Untrusted,
)

UNTRUSTED_REMEDY = "If its authority is your own, name that one's file by SSL_CERT_FILE=/path/to/ca.pem."
_OF_CONNECTION = (Unreachable, Untrusted, UnexpectedAnswer, InvalidConnection)
_ENDINGS: tuple[tuple[type[ClientError], Exit, str], ...] = (
    (NotFound, Exit.NO_SUCH_JOB, "`belvedere job list` shows the jobs of the project."),
    (Refused, Exit.REFUSED, "`belvedere job show` says what is allowed now."),
    (NotAuthorized, Exit.NOT_AUTHORISED, "Check the token and the project id."),
    (BadRequest, Exit.USAGE, ""),
    (ServiceUnavailable, Exit.UNAVAILABLE, "Try again in a moment."),
    (Unreachable, Exit.UNAVAILABLE, "Is it running? `belvedere serve` starts it, `belvedere doctor` looks closer."),
    (Untrusted, Exit.UNAVAILABLE, UNTRUSTED_REMEDY),
    (InvalidConnection, Exit.USAGE, "Check the endpoint and the token."),
    (UnexpectedAnswer, Exit.UNAVAILABLE, "Check the endpoint: it must be the API's, not the viewers'."),
)


# What ends otherwise than others of its kind.
_BY_CODE: Mapping[str, tuple[Exit, str]] = {
    "ModelArts.4310": (Exit.USAGE, "`belvedere store test` tries a store's keys."),  # the logs are closed, we are not
    "ModelArts.0108": (Exit.NOT_AUTHORISED, ""),  # it says itself whom to ask
    "ModelArts.0210": (
        Exit.NOT_AUTHORISED,
        "A token is for one project. --project PROJECT enters another one; `belvedere project list` shows them.",
    ),
}
NO_REMEDIES: Mapping[Exit, str] = {}


def failure_of(error: ClientError, connection: Connection, remedies: Mapping[Exit, str] = NO_REMEDIES) -> Failure:
    """How a command ends that met this error. `remedies`: what to do instead of what is usual for a job."""
    _, exit_code, remedy = next(
        (row for row in _ENDINGS if isinstance(error, row[0])),
        (ClientError, Exit.UNEXPECTED, "The service's log says more under the request id."),
    )
    remedy = remedies.get(exit_code, remedy)
    if isinstance(error, ApiError):
        exit_code, remedy = _BY_CODE.get(error.code, (exit_code, remedy))
    if exit_code is Exit.NOT_AUTHORISED or isinstance(error, _OF_CONNECTION):
        remedy = f"{remedy} ({connection.origin})".lstrip()
    if isinstance(error, ApiError):
        return Failure(exit_code, error.message, remedy=remedy, error_code=error.code, request_id=error.request_id)
    return Failure(exit_code, str(error), remedy=remedy)


@contextmanager
def connected(flags: Flags, remedies: Mapping[Exit, str] = NO_REMEDIES) -> Iterator[Client]:
    """A client for as long as the command runs; client errors leave it as Failure."""
    connection = current(flags)
    try:
        with Client(connection.endpoint, connection.project_id, connection.token) as client:
            if not connection.is_asked_for:
                yield client
                return
            with _in_project(client, connection) as there:
                yield there
    except ClientError as error:
        raise failure_of(error, connection, remedies) from error


@contextmanager
def _in_project(client: Client, connection: Connection) -> Iterator[Client]:
    """A client for the project that --project names by id or name, with a token of its own if it takes one.

    That token is revoked at the end: it was for this command. Raises Failure.
    """
    me, named = client.people.me(), connection.project_id
    found = next((each for each in me.projects if each.id == named), None)
    found = found or next((each for each in me.projects if each.name == named), None)
    if found is None:
        remedy = f"`belvedere project list` shows yours. ({connection.origin})"
        raise Failure(Exit.NOT_AUTHORISED, f"There is no project {named!r}, or you have no role in it.", remedy=remedy)
    if found.id == me.project_id:
        with Client(connection.endpoint, found.id, connection.token) as there:
            yield there
        return
    with Client(connection.endpoint, found.id, client.people.enter(found.id)) as there:
        try:
            yield there
        finally:
            with suppress(ClientError):
                there.people.leave()


def find_job(client: Client, text: str) -> int:
    """The id of a job named by its id or its unique name; ``name:7`` is a name although it is a number.

    Raises Failure.
    """
    if text.isascii() and text.isdigit():
        return int(text)
    name = text.removeprefix("name:")
    ids = [job.job_id for job in client.list(ListQuery(search=name)) if job.job_name == name]
    if len(ids) == 1:
        return ids[0]
    if not ids:
        remedy = "`belvedere job list` shows the jobs of the project."
        raise Failure(Exit.NO_SUCH_JOB, f"There is no job named {name!r}.", remedy=remedy)
    listed = ", ".join(map(str, ids[:10]))
    raise Failure(Exit.USAGE, f"{len(ids)} jobs are named {name!r}.", remedy=f"Name one by its id: {listed}.")


def for_each(flags: Flags, jobs: Sequence[str], output: Format, act: Callable[[Client, int], None]) -> int:
    """Do it for each job, also when it fails for another; the exit code is that of the first failure."""
    failures: list[Failure] = []
    for text in dict.fromkeys(jobs):
        try:
            with connected(flags) as client:
                act(client, find_job(client, text))
        except Failure as failure:
            failures.append(failure)
            if len(jobs) > 1:
                failure.message = f"{text}: {failure.message}"
            if failure.exit_code in {Exit.UNAVAILABLE, Exit.NOT_AUTHORISED}:
                break  # it would be the same for all others
    for further in failures[1:]:
        click.echo(as_json(further) if output is Format.JSON else as_text(further), err=True)
    if failures:
        raise failures[0]
    return Exit.OK
