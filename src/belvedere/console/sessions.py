"""The cookies that hold browser sessions: the console's, and one for each job that is looked at."""

from datetime import timedelta
from typing import Final

import msgspec

from belvedere.identity.gatekeeper import SESSION_LIFE

OURS: Final = "belvedere"  # every cookie of ours, on any origin, has this in its name


class Cookie(msgspec.Struct, frozen=True, kw_only=True):
    """A session cookie's name, and the paths that it is sent to."""

    name: str
    path: str = "/"

    def setting(self, secret: str, life: timedelta = SESSION_LIFE) -> str:
        """Set-Cookie for a new session: for this host alone, out of scripts' reach, for as long as the session lives.

        Lax: a link in a chat or a wiki opens for who is signed in. Whatever changes something has to come from our own
        page anyway, which browsers tell by Sec-Fetch-Site and Origin.
        """
        seconds = int(life.total_seconds())
        return f"{self.name}={secret}; Path={self.path}; HttpOnly; SameSite=Lax; Max-Age={seconds}{_secure(self.name)}"


def console_cookie(*, secure: bool) -> Cookie:
    """The console's."""
    return Cookie(name=f"{_HOST_HTTP if secure else ''}{OURS}_console")


def attempt_cookie(*, secure: bool) -> Cookie:
    """That of a sign-in at an OpenID provider which has begun in this browser."""
    return Cookie(name=f"{_HOST_HTTP if secure else ''}{OURS}_attempt")


def own_origin_cookie(*, secure: bool) -> Cookie:
    """A job's on an origin of its own: there is nothing else there that a path could keep it from."""
    return Cookie(name=f"{_HOST if secure else ''}{OURS}_viewer")


def shared_origin_cookie(path: str, *, secure: bool) -> Cookie:
    """A job's on the origin that all jobs share: for the job's `path` alone.

    Cookies ignore ports, so a console and viewers on one host name see each other's: hence two names.
    """
    return Cookie(name=f"{_SECURE if secure else ''}{OURS}_viewer", path=path)


def delete_cookie(name: str) -> str:
    """Set-Cookie that takes away one whose path is the whole origin."""
    return f"{name}=; Path=/; HttpOnly; Max-Age=0{_secure(name)}"


_HOST = "__Host-"  # browsers take such a cookie from this very host, by https, for all its paths, or not at all
# … and, where they know that, from no script: one at another port could sign its reader in as somebody else.
_HOST_HTTP = f"{_HOST}Http-"
_SECURE = "__Secure-"  # … by https


def _secure(name: str) -> str:
    return "; Secure" if name.startswith((_HOST, _SECURE)) else ""
