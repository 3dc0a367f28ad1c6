"""Which paths are a job's, beyond doubt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belvedere.gateway.routes import match_route, without_parameter

PROJECT = "0123456789abcdef" * 2
PREFIX = f"/modelarts2/tensorboard/{PROJECT}/7"


@pytest.mark.parametrize(
    "rest", ["", "/", "/index.js", "/data/plugin/scalars/tags", "/a%2Fb", "/%7Euser/x;y=1", "/_belvedere/state"]
)
def test_a_jobs_paths_are_its_own(rest: str) -> None:
    route = match_route(PREFIX + rest)
    assert route is not None
    assert (route.prefix, route.job_id, route.rest) == (PREFIX, 7, rest)


@pytest.mark.parametrize(
    "rest",
    [
        "/..",
        "/../8/",
        "/a/../../8/",
        "/%2e%2e/8/",
        "/.%2E/8/",
        "/%2e/x",
        "/./x",
        "/..%2f8",
        "/a%2f..%2f..%2f8",
        "/..%5c8",
        "/a\\..\\8",
        "//",
        "//x",
        "/a//b",
        "/%00",
        "/a%00b",
        "/%0a",
        "/%0d%0aX:1",
        "/%7f",
        "/a b",
        "/\x00",
        "/é",
        "/%",
        "/%zz",
        "/%2",
        "/#x",
        "/%c0%ae%c0%ae/\t",
    ],
)
def test_ambiguous_paths_are_nobodys(rest: str) -> None:
    assert match_route(PREFIX + rest) is None


@pytest.mark.parametrize(
    "path",
    [
        f"/modelarts2/TensorBoard/{PROJECT}/7/",
        f"/modelarts2/tensorboard/{PROJECT}/07/",
        f"/modelarts2/tensorboard/{PROJECT}/0/",
        f"/modelarts2/tensorboard/{PROJECT}/{2**63}/",
        f"/modelarts2/tensorboard/{PROJECT}/٧/",
        f"/modelarts2/tensorboard/{PROJECT}/7x/",
        f"/modelarts2/tensorboard/{PROJECT[:-1]}/7/",
        f"/modelarts2/tensorboard/{PROJECT.upper()}/7/",
        f"/modelarts2//tensorboard/{PROJECT}/7/",
        f"/modelarts2/tensorboard%2F{PROJECT}/7/",
        f"/x/..{PREFIX}/",
        f"/{PREFIX}/",
        "/modelarts2/",
        "/",
        "",
        "*",
        f"http://h{PREFIX}/",
    ],
)
def test_malformed_paths_are_nobodys(path: str) -> None:
    assert match_route(path) is None


@given(st.text(alphabet="./%25eEfFcC\\aA08", max_size=24))
def test_whatever_matches_stays_below_its_job_however_it_is_decoded(rest: str) -> None:
    route = match_route(f"{PREFIX}/{rest}")
    if route is not None:
        assert route.job_id == 7
        lowered = rest.lower().replace("%2f", "/").replace("%5c", "/").replace("%2e", ".").replace("\\", "/")
        assert ".." not in lowered.split("/")


@pytest.mark.parametrize("path", ["//evil.example/", "https://evil.example/", "/\\evil.example", f"/{PREFIX}/"])
def test_places_elsewhere_are_no_jobs(path: str) -> None:
    """A sign-in leads back to what matched, and to nothing else."""
    assert match_route(path) is None


@pytest.mark.parametrize(
    ("query", "kept", "value"),
    [
        ("ticket=t", "", "t"),
        ("a=1&ticket=t&b=%20&&", "a=1&b=%20&&", "t"),
        ("ticket=s&ticket=t", "", "t"),
        ("tickets=1", "tickets=1", None),
        ("", "", None),
    ],
)
def test_a_parameter_is_taken_out_and_all_else_stays(query: str, kept: str, value: str | None) -> None:
    assert without_parameter(query, "ticket") == (kept, value)
