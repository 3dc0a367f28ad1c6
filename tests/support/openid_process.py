"""The process of `tests.support.openid`: an OpenID provider that insists on PKCE."""

import base64
import hashlib
import io
import sys
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import oidc_provider_mock
from werkzeug.serving import make_server

Environ = dict[str, Any]
StartResponse = Callable[..., Any]


class _WithPkce:
    """What the provider's package leaves out: a code is worth nothing without what it was asked for with."""

    def __init__(self, app: Callable[[Environ, StartResponse], Iterable[bytes]]) -> None:
        self._app = app
        self._challenges: dict[str, str] = {}

    def __call__(self, environ: Environ, start: StartResponse) -> Iterable[bytes]:
        query = parse_qs(environ["QUERY_STRING"])
        if environ["PATH_INFO"] == "/oauth2/token":
            body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            environ["wsgi.input"] = io.BytesIO(body)
            form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
            digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            if self._challenges.get(form.get("code", "")) != challenge:
                start("400 Bad Request", [("Content-Type", "application/json")])
                return [b'{"error": "invalid_grant"}']

        def remember(status: str, headers: list[tuple[str, str]], *rest: object) -> object:
            code = parse_qs(urlsplit(dict(headers).get("Location", "")).query).get("code")
            if code and query.get("code_challenge_method") == ["S256"]:
                self._challenges[code[0]] = query["code_challenge"][0]
            return start(status, headers, *rest)

        return self._app(environ, remember)


if __name__ == "__main__":
    app = oidc_provider_mock.app(require_client_registration=True, require_nonce=True)
    make_server("127.0.0.1", int(sys.argv[1]), _WithPkce(app), threaded=True).serve_forever()
