"""The cookies that hold browser sessions: one for the console's origin, another for the viewers'."""

from typing import Final

from belvedere.identity.gatekeeper import SESSION_LIFE

OURS: Final = "belvedere"  # every cookie of ours, on either origin, has this in its name


def console_cookie(*, secure: bool) -> str:
    """Name of the console's session cookie."""
    return f"{_host_prefix(secure)}{OURS}_console"


def viewer_cookie(*, secure: bool) -> str:
    """Name of the session cookie of the viewers' origin.

    Cookies ignore ports, so a console and viewers on one host name see each other's: hence two names.
    """
    return f"{_host_prefix(secure)}{OURS}_viewer"


def set_cookie(name: str, secret: str, *, same_site: str) -> str:
    """Set-Cookie for a new session: out of scripts' reach, for as long as the session lives."""
    return f"{name}={secret}; Path=/; HttpOnly; SameSite={same_site}; Max-Age={_LIFE}{_secure(name)}"


def delete_cookie(name: str) -> str:
    """Set-Cookie that takes it away."""
    return f"{name}=; Path=/; HttpOnly; Max-Age=0{_secure(name)}"


_LIFE = int(SESSION_LIFE.total_seconds())


def _host_prefix(secure: bool) -> str:
    # Browsers take a cookie of such a name from this very host, by https, for all its paths, and in no other way.
    return "__Host-" if secure else ""


def _secure(name: str) -> str:
    return "; Secure" if name.startswith("__Host-") else ""
