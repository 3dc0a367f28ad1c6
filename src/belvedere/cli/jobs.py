"""The group `belvedere job`."""

from belvedere.cli.lazy import LazyGroup

job = LazyGroup(
    "job",
    {
        "create": ("belvedere.cli.job_start:create", "Post a job: show these logs."),
        "list": ("belvedere.cli.job_look:list_jobs", "List the project's jobs."),
        "show": ("belvedere.cli.job_look:show", "Show jobs in full, with the reason of their status."),
        "open": ("belvedere.cli.job_start:open_job", "Open a job's viewer in a browser, already signed in."),
        "update": ("belvedere.cli.job_change:update", "Change description, auto-stop, tags, visibility or sleep."),
        "share": ("belvedere.cli.job_share:share", "Links by which anybody may look at a job."),
        "sources": ("belvedere.cli.job_sources:sources", "Show a job's log sources, attach others, detach some."),
        "stop": ("belvedere.cli.job_change:stop", "Stop jobs; they can be restarted under the same address."),
        "restart": ("belvedere.cli.job_start:restart", "Run ended jobs again under the same id and address."),
        "delete": ("belvedere.cli.job_change:delete", "Stop and forget jobs. Their logs are not touched."),
        "logs": ("belvedere.cli.job_look:logs", "Print the last lines of a job's viewer."),
        "events": ("belvedere.cli.job_look:events", "Print what happened to a job."),
    },
    help="""Create, watch and end visualization jobs.

    A JOB is an id, or a name that only one job has ("name:7" if the name is a number).
    """,
)
