"""Shell completion of jobs, asked from the service. Silent when that doesn't answer at once."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import click
from click.shell_completion import CompletionItem

from belvedere.cli.connection import Flags, current
from belvedere.cli.exits import Failure
from belvedere.contract.jobs import JobDetails

if TYPE_CHECKING:
    from belvedere.client import Client

_Answer = TypeVar("_Answer")
_FOLDERS = 50
_PATIENCE = 2.0  # seconds; a person is pressing the tab key


def complete_jobs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Jobs whose name (or id, when digits were typed) begins so."""
    from belvedere.client import ListQuery  # noqa: PLC0415 - 120 ms that help pages don't need

    query = ListQuery(search="" if incomplete.isdigit() else incomplete, page_size=100)
    page = ask(ctx, lambda client: client.page(query))
    return completions(page.jobs if page else [], incomplete)


def complete_flavors(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Codes of flavors that begin so."""
    found = ask(ctx, lambda client: client.flavors())
    return [
        CompletionItem(each.code, help=each.description) for each in found or () if each.code.startswith(incomplete)
    ]


def complete_job_types(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Kinds of viewers that the service has and that begin so."""
    found = ask(ctx, lambda client: client.viewer_types())
    return [
        CompletionItem(each.job_type, help=each.title)
        for each in found or ()
        if each.is_installed and each.job_type.startswith(incomplete.lower())
    ]


def complete_viewers(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Kinds of viewers that this machine could have, and that begin so."""
    from belvedere.viewers.registry import viewer_types  # noqa: PLC0415 - for this alone

    return [
        CompletionItem(name, help=viewer.title)
        for name, viewer in viewer_types().items()
        if viewer.environment and name.startswith(incomplete.lower())
    ]


def complete_stores(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Names of log stores that begin so."""
    found = ask(ctx, lambda client: client.log_stores())
    stores = found.log_stores if found else []
    return [CompletionItem(store.name, help=store.endpoint) for store in stores if store.name.startswith(incomplete)]


def complete_sources(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """URLs of folders that begin so: those below the last slash that was typed."""
    above, slash, begins = incomplete.rpartition("/")
    if not slash or not above.strip("/") or above.endswith(":/"):
        return []  # buckets can't be listed: who may read one need not be allowed to see that it is there
    store = ctx.params.get("store")
    found = ask(ctx, lambda client: client.log_sources(f"{above}/", begins=begins, store=store, page_size=_FOLDERS))
    folders = found.folders if found else []
    return [
        CompletionItem(folder.url, help="holds logs" if folder.has_logs else "")
        for folder in folders
        if folder.url.startswith(incomplete)
    ]


def complete_named_sources(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """NAME=URL: the URL, once a name was typed."""
    name, equals, url = incomplete.partition("=")
    if not equals:
        return []
    return [CompletionItem(f"{name}={each.value}", help=each.help) for each in complete_sources(ctx, param, url)]


def complete_source_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Names of the sources of the job that was typed before."""
    from belvedere.cli.session import find_job  # noqa: PLC0415 - it brings the client along

    job = str(ctx.params.get("job", ""))
    found = ask(ctx, lambda client: client.sources(find_job(client, job)))
    named = [each for each in found.sources.sources if each.name] if found else []
    return [CompletionItem(each.name, help=each.url) for each in named if each.name.startswith(incomplete)]


def ask(ctx: click.Context, question: Callable[["Client"], _Answer]) -> _Answer | None:
    """The service's answer to a question asked while a person presses the tab key; None if it has none at once."""
    from belvedere.client import Client, ClientError  # noqa: PLC0415 - 120 ms that help pages don't need

    values = (ctx.params.get(name) for name in ("endpoint", "token", "project", "data"))
    endpoint, token, project, data = (value if isinstance(value, str) else None for value in values)
    try:
        found = current(Flags(endpoint=endpoint, token=token, project=project, data=data))
        with Client(found.endpoint, found.project_id, found.token, timeout=_PATIENCE, retry_pauses=()) as client:
            return question(client)
    except (Failure, ClientError):
        return None


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
