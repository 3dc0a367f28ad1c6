"""Signs requests as Huawei Cloud's SDKs do, with their own code."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer


class _Pair:
    """What the signer reads keys from."""

    def __init__(self, access_key: str, secret_key: str) -> None:
        self.ak, self.sk = access_key, secret_key


def sdk_signed(
    access_key: str,
    secret_key: str,
    method: str,
    url: str,
    *,
    query: list[tuple[str, Any]] | None = None,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    at: datetime | None = None,
) -> tuple[str, dict[str, str]]:
    """The URL to send to, path and query encoded by the SDK, and the headers to send."""
    parts = urlsplit(url)
    date = {"X-Sdk-Date": at.strftime("%Y%m%dT%H%M%SZ")} if at else {}
    request = SdkRequest(
        method=method,
        schema=parts.scheme,
        host=parts.netloc,
        resource_path=parts.path,
        query_params=query or [],
        header_params={"Content-Type": "application/json", "User-Agent": "sdk", **date, **(headers or {})},
        body=body,
    )
    signed = Signer(_Pair(access_key, secret_key)).sign(request)
    return f"{parts.scheme}://{parts.netloc}{signed.uri}", dict(signed.header_params)
