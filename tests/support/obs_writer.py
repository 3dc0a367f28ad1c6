"""Writes one object with Huawei's own client. A process of its own, as importing that client warns.

``python -W ignore obs_writer.py <endpoint> <bucket> <key> <size>``, with the keys in OBS_ACCESS_KEY and OBS_SECRET_KEY.
"""

import os
import sys

from obs import ObsClient  # type: ignore[import-untyped]


def write(endpoint: str, bucket: str, key: str, size: int) -> None:
    """`size` times an x. Raises RuntimeError if the store says no."""
    client = ObsClient(
        access_key_id=os.environ["OBS_ACCESS_KEY"], secret_access_key=os.environ["OBS_SECRET_KEY"], server=endpoint,
        path_style=True, is_signature_negotiation=False, signature="v4",
    )  # fmt: skip
    answer = client.putContent(bucket, key, "x" * size)
    client.close()
    if answer.status != 200:
        raise RuntimeError(f"the store answered {answer.status} {answer.errorCode}")


if __name__ == "__main__":
    write(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
