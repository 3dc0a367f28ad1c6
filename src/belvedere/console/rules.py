"""What the console is told of the service that it belongs to."""

import msgspec

from belvedere.console.sessions import console_cookie


class ConsoleRules(msgspec.Struct, frozen=True, kw_only=True):
    """Origins as browsers see them, ``scheme://host[:port]``; the rest is shown to people who are signed in."""

    public_origin: str
    viewer_origin: str
    data_folder: str  # where bootstrap.json lies, for commands that work as they stand
    example_logs: str = ""  # a train_url that this service could read; "" where it can read none

    @property
    def cookie(self) -> str:
        """The session cookie's name."""
        return console_cookie(secure=self.public_origin.startswith("https://"))
