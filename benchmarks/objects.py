"""The object store that both sides read: SeaweedFS on loopback, with real signatures."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from tests.support.seaweedfs import SeaweedFs

from benchmarks.datasets import LogSet, log_files

BUCKET = "bench"


def upload(server: SeaweedFs, logs: LogSet, prefix: str) -> str:
    """Put the logs below a prefix of the bucket; ``bucket/prefix/``."""
    server.make_bucket(BUCKET)
    for key, path in log_files(logs).items():
        server.put(BUCKET, f"{prefix}/{key}", path.read_bytes())
    return f"{BUCKET}/{prefix}/"


def fill(server: SeaweedFs, content: Mapping[str, bytes]) -> None:
    """Put many objects into the bucket, some at a time."""
    server.make_bucket(BUCKET)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda key: server.put(BUCKET, key, content[key]), content))


def for_us(server: SeaweedFs) -> dict[str, str]:
    """How our service is told of the store."""
    return {
        "BELVEDERE_STORE_ENDPOINT": server.endpoint,
        "BELVEDERE_STORE_ACCESS_KEY": server.access_key,
        "BELVEDERE_STORE_SECRET_KEY": server.secret_key,
    }


def for_stock(server: SeaweedFs) -> Mapping[str, str]:
    """How stock TensorBoard is told: S3_ENDPOINT through boto3, the AWS variables through s3fs."""
    return {
        "S3_ENDPOINT": server.endpoint,
        "AWS_ENDPOINT_URL": server.endpoint,
        "AWS_ACCESS_KEY_ID": server.access_key,
        "AWS_SECRET_ACCESS_KEY": server.secret_key,
        "AWS_DEFAULT_REGION": "us-east-1",
    }
