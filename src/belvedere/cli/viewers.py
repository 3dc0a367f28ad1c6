"""The group `belvedere viewer`."""

from belvedere.cli.lazy import LazyGroup

viewer = LazyGroup(
    "viewer",
    {
        "install": ("belvedere.cli.viewer_commands:install_viewer", "Install a viewer, or another version of one."),
        "list": ("belvedere.cli.viewer_commands:list_viewers", "List the viewers: which are installed, and where."),
        "remove": ("belvedere.cli.viewer_commands:remove_viewer", "Take an installed viewer away."),
    },
    help="Install viewers on this machine that need an environment of their own.",
)
