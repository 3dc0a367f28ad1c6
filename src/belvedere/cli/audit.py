"""The group `belvedere audit`."""

from belvedere.cli.lazy import LazyGroup

audit = LazyGroup(
    "audit",
    {
        "list": ("belvedere.cli.audit_commands:list_traces", "List who did what, the newest first."),
        "export": ("belvedere.cli.audit_commands:export", "Print all traces as JSON lines, the oldest first."),
    },
    help="Who did what to which job, user, key or store, from where, and what was refused.",
)
