"""Shell completion of jobs, asked from the service. Silent when that doesn't answer at once."""

import click
from click.shell_completion import CompletionItem

from belvedere.cli.connection import Flags, current
from belvedere.cli.exits import Failure
from belvedere.contract.jobs import JobDetails

_PATIENCE = 2.0  # seconds; a person is pressing the tab key


def complete_jobs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Jobs whose name (or id, when digits were typed) begins so."""
    values = (ctx.params.get(name) for name in ("endpoint", "token", "project", "data"))
    endpoint, token, project, data = (value if isinstance(value, str) else None for value in values)
    jobs = _jobs(Flags(endpoint=endpoint, token=token, project=project, data=data), incomplete)
    return completions(jobs, incomplete)


def completions(jobs: list[JobDetails], incomplete: str) -> list[CompletionItem[str]]:
    """Names that only one job has, and ids of the others."""
    names = [job.job_name for job in jobs]
    by_id = incomplete.isdigit()
    items = []
    for job in jobs:
        unique = names.count(job.job_name) == 1 and not job.job_name.isdigit()
        value = job.job_name if unique and not by_id else str(job.job_id)
        if value.startswith(incomplete):
            items.append(CompletionItem(value, help=f"{job.job_name}, {job.status_name}"))
    return items


def _jobs(flags: Flags, incomplete: str) -> list[JobDetails]:
    from belvedere.client import Client, ClientError, ListQuery  # noqa: PLC0415 - 120 ms that help pages don't need

    query = ListQuery(search="" if incomplete.isdigit() else incomplete, page_size=100)
    try:
        connection = current(flags)
        with Client(
            connection.endpoint, connection.project_id, connection.token, timeout=_PATIENCE, retry_pauses=()
        ) as client:
            return client.page(query).jobs
    except (Failure, ClientError):
        return []
