"""The group `belvedere source`."""

from belvedere.cli.lazy import LazyGroup

source = LazyGroup(
    "source",
    {"list": ("belvedere.cli.source_commands:list_sources", "List the folders below a place, and which hold logs.")},
    help="Look for logs, as the service sees them.",
)
