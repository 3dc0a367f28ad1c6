"""What the console is told of the service that it belongs to."""

import msgspec

from belvedere.console.sessions import Cookie, attempt_cookie, console_cookie


class ConsoleRules(msgspec.Struct, frozen=True, kw_only=True):
    """What the console is told. `public_origin` is ``scheme://host[:port]``, as browsers see it."""

    public_origin: str
    viewers: str  # their origins, as a Content-Security-Policy spells them
    viewers_share_origin: bool  # so that what one viewer's page opens it can also read
    data_folder: str  # where bootstrap.json lies, for commands that work as they stand
    first_project: str  # whose id stands in it
    outside: str = ""  # the OpenID provider's title, where there is one to sign in at
    log_roots: tuple[str, ...] = ()  # folders below which logs may lie
    example_logs: str = ""  # a train_url that this service could read; "" where it can read none

    @property
    def cookie(self) -> Cookie:
        """The session cookie."""
        return console_cookie(secure=self._is_secure)

    @property
    def attempt_cookie(self) -> Cookie:
        """The cookie of a sign-in that is going on elsewhere."""
        return attempt_cookie(secure=self._is_secure)

    @property
    def _is_secure(self) -> bool:
        return self.public_origin.startswith("https://")
