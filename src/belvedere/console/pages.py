"""Pages from templates, and the headers that each of them carries. Pure, but for reading the templates."""

from functools import lru_cache
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from belvedere.console.assets import assets


def render(template: str, *, static: str, **values: object) -> str:
    """The page. `static` is the path under which the assets stand on its origin, with a slash at the end."""
    return _environment().get_template(template).render(static=lambda name: f"{static}{assets()[name].name}", **values)


def page_headers(*, ancestors: str = "'none'", form_targets: str = "'self'") -> dict[str, str]:
    """A page's security headers. `ancestors` may frame it; its forms lead to `form_targets`, by redirects too."""
    policy = (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        f"form-action {form_targets}; base-uri 'none'; frame-ancestors {ancestors}"
    )
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        **ISOLATED,
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Cache-Control": "no-store",
    }


# Nothing of ours is for other origins to read, to hold a handle of, or to share a process with.
ISOLATED: Final = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Origin-Agent-Cluster": "?1",
}


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("belvedere.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
