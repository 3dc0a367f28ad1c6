"""What people write themselves: boto3 with 16 threads, listing a prefix and getting each object into a file.

Run by the Python that has boto3: ``python boto.py <task as JSON>``; so it imports nothing of ours.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

_THREADS = 16


def fetch(task: dict[str, Any]) -> dict[str, float]:
    """CPU seconds and seconds. `have`: bytes of each object that its file has: only the rest is asked for."""
    store, folder, have = task["store"], Path(task["folder"]), task.get("have", 0)
    client = boto3.client(
        "s3",
        endpoint_url=store["endpoint"],
        aws_access_key_id=store["access_key"],
        aws_secret_access_key=store["secret_key"],
        region_name="us-east-1",
        config=Config(max_pool_connections=_THREADS, s3={"addressing_style": "path"}),
    )
    began, cpu = time.perf_counter(), time.process_time()

    def get(key: str) -> None:
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        ranged = {"Range": f"bytes={have}-"} if have else {}
        body = client.get_object(Bucket=task["bucket"], Key=key, **ranged)["Body"].read()
        with path.open("ab" if have else "wb") as file:
            file.write(body)

    pages = client.get_paginator("list_objects_v2").paginate(Bucket=task["bucket"], Prefix=task["prefix"])
    keys = [each["Key"] for page in pages for each in page.get("Contents", [])]
    with ThreadPoolExecutor(_THREADS) as threads:
        list(threads.map(get, keys))
    return {"seconds": time.perf_counter() - began, "cpu": time.process_time() - cpu}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(fetch(json.loads(sys.argv[1]))))
