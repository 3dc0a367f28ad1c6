"""Against the worked examples of "Authenticating Requests: Using the Authorization Header", Amazon S3."""

from datetime import UTC, datetime

from belvedere.sources.signing import encoded_path, encoded_query, signed_headers
from belvedere.sources.stores import ObjectStore

STORE = ObjectStore(
    endpoint="https://s3.amazonaws.com",
    access_key="AKIAIOSFODNN7EXAMPLE",
    secret_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
)
NOW = datetime(2013, 5, 24, tzinfo=UTC)
HOST = "examplebucket.s3.amazonaws.com"


def test_a_listing_is_signed_as_in_the_documentation() -> None:
    query = encoded_query({"prefix": "J", "max-keys": "2"})
    signed = signed_headers(STORE, HOST, "/", query, NOW)["authorization"]
    assert signed.endswith("Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")


def test_without_keys_nothing_is_signed() -> None:
    assert signed_headers(ObjectStore(endpoint="https://store"), HOST, "/", "", NOW) == {}


def test_odd_characters_are_encoded_once_and_slashes_stay() -> None:
    assert encoded_path("/b/a b/%2f/ü+~//x") == "/b/a%20b/%252f/%C3%BC%2B~//x"
    assert encoded_query({"prefix": "a/b +", "list-type": "2"}) == "list-type=2&prefix=a%2Fb%20%2B"
