"""AWS Signature Version 4 for requests without a body. Pure. Source: "Signing AWS API requests", Amazon S3.

OBS, SeaweedFS, MinIO, Ceph and rclone check the same signature.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from urllib.parse import quote

from belvedere.sources.stores import ObjectStore

_NO_BODY = hashlib.sha256(b"").hexdigest()
_NAMES = "host;x-amz-content-sha256;x-amz-date"


def encoded_path(path: str) -> str:
    """`path` as it goes on the wire and into the signature. Slashes stay, doubled ones too."""
    return quote(path, safe="/-_.~")


def encoded_query(parameters: Mapping[str, str]) -> str:
    """Parameters in the signature's order and spelling."""
    return "&".join(f"{quote(name, safe='-_.~')}={quote(parameters[name], safe='-_.~')}" for name in sorted(parameters))


def signed_headers(
    store: ObjectStore, host: str, path: str, query: str, now: datetime, *, method: str = "GET"
) -> dict[str, str]:
    """The headers that authorize a request for `path` and `query`, both encoded; none for a store without keys.

    `host`: as the Host header will say, with the port unless it is the scheme's own.
    """
    if not store.access_key:
        return {}
    time = _spelled(now.replace(microsecond=0))
    lines = f"host:{host}\nx-amz-content-sha256:{_NO_BODY}\nx-amz-date:{time}\n"
    request = f"{method}\n{path}\n{query}\n{lines}\n{_NAMES}\n{_NO_BODY}"
    scope = f"{time[:8]}/{store.region}/s3/aws4_request"
    text = "\n".join(("AWS4-HMAC-SHA256", time, scope, hashlib.sha256(request.encode()).hexdigest()))
    signature = hmac.digest(_key_of_day(store.secret_key, time[:8], store.region), text.encode(), "sha256").hex()
    credential = f"Credential={store.access_key}/{scope}"
    return {  # the client sets the host
        "x-amz-content-sha256": _NO_BODY,
        "x-amz-date": time,
        "authorization": f"AWS4-HMAC-SHA256 {credential}, SignedHeaders={_NAMES}, Signature={signature}",
    }


@lru_cache(maxsize=4)
def _spelled(second: datetime) -> str:
    return second.strftime("%Y%m%dT%H%M%SZ")


@lru_cache(maxsize=64)
def _key_of_day(secret: str, day: str, region: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (day, region, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
