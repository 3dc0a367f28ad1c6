"""The groups `belvedere user`, `belvedere project` and `belvedere key`."""

from belvedere.cli.lazy import LazyGroup

_PASSWORDS = """A password is asked for on a terminal, read from a pipe, or taken from BELVEDERE_PASSWORD; never from
    the command line, which other users of the machine can see."""

user = LazyGroup(
    "user",
    {
        "add": ("belvedere.cli.user_commands:add", "Add a user, or a service account."),
        "list": ("belvedere.cli.user_commands:list_users", "List all users."),
        "disable": ("belvedere.cli.user_commands:disable", "End all that is a user's, at once."),
        "enable": ("belvedere.cli.user_commands:enable", "Let a disabled user sign in again."),
        "untie": ("belvedere.cli.user_commands:untie", "Forget who a user is at the OpenID provider."),
        "password": ("belvedere.cli.user_commands:password", "Set a user's password, or change one's own."),
        "whoami": ("belvedere.cli.user_commands:whoami", "Say who the token belongs to, and what they may do."),
    },
    help=f"""Who may sign in.

    {_PASSWORDS}
    """,
)

project = LazyGroup(
    "project",
    {
        "add": ("belvedere.cli.project_commands:add", "Add a project."),
        "list": ("belvedere.cli.project_commands:list_projects", "List the projects that one may enter."),
        "rename": ("belvedere.cli.project_commands:rename", "Give a project another name."),
        "quota": ("belvedere.cli.project_commands:quota", "Show what a project may have, or set it."),
        "members": ("belvedere.cli.project_commands:members", "List a project's members and their roles."),
        "grant": ("belvedere.cli.project_commands:grant", "Give a user a role in a project."),
        "revoke": ("belvedere.cli.project_commands:revoke", "Take a user's role in a project away."),
    },
    help="""Projects, and who is what in them: owner, editor or viewer.

    PROJECT is an id or a name; without it, the project of the connection is meant.
    """,
)

key = LazyGroup(
    "key",
    {
        "add": ("belvedere.cli.key_commands:add", "Make an access key; its secret is printed this once."),
        "list": ("belvedere.cli.key_commands:list_keys", "List access keys, without their secrets."),
        "remove": ("belvedere.cli.key_commands:remove", "Remove an access key; it opens nothing from now on."),
    },
    help="""Access keys, which programs sign requests with. One's own, or with --user another's (administrators).""",
)
