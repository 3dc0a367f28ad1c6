"""The group `belvedere store`."""

from belvedere.cli.lazy import LazyGroup

store = LazyGroup(
    "store",
    {
        "add": ("belvedere.cli.store_commands:add", "Add an object store that jobs may read from."),
        "list": ("belvedere.cli.store_commands:list_stores", "List the object stores that jobs may read from."),
        "test": ("belvedere.cli.store_commands:test", "Ask a store, or one of its buckets, now."),
        "rotate": ("belvedere.cli.store_commands:rotate", "Give a store new keys; running jobs go on with them."),
        "remove": ("belvedere.cli.store_commands:remove", "Forget a store that no job names."),
    },
    help="""Tell the service of object stores, and of their keys.

    A secret key is asked for on a terminal, read from a pipe, or taken from BELVEDERE_SECRET_KEY; never from the
    command line, which other users of the machine can see.
    """,
)
