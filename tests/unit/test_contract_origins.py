"""Where viewers are found."""

import pytest

from belvedere.contract.origins import ViewerOrigins

ONE = ViewerOrigins(shared="https://v.example")
OWN = ViewerOrigins(shared="https://v.example:8443", each="https://*.v.example:8443", is_known=True)
LOOPBACK = ViewerOrigins(shared="http://127.0.0.1:8081", each="http://*.belvedere.localhost:8081")


@pytest.mark.parametrize(
    ("origins", "of", "linked"),
    [
        (ONE, "https://v.example", "https://v.example"),
        (OWN, "https://job-7.v.example:8443", "https://job-7.v.example:8443"),
        (LOOPBACK, "http://job-7.belvedere.localhost:8081", "http://127.0.0.1:8081"),
    ],
)
def test_a_job_has_an_origin_for_browsers_and_one_for_links(origins: ViewerOrigins, of: str, linked: str) -> None:
    assert (origins.of(7), origins.linked(7)) == (of, linked)


@pytest.mark.parametrize("origins", [OWN, LOOPBACK])
def test_a_jobs_name_leads_back_to_the_job(origins: ViewerOrigins) -> None:
    name = origins.of(7).partition("//")[2].partition(":")[0]
    assert origins.job_at(name) == 7


@pytest.mark.parametrize("origins", [OWN, LOOPBACK])
def test_files_of_all_jobs_have_an_origin_below_the_same_name(origins: ViewerOrigins) -> None:
    assert origins.assets == origins.of(7).replace("job-7", "assets")
    name = origins.assets.partition("//")[2].partition(":")[0]
    assert origins.is_for_assets(name)
    assert origins.job_at(name) is None


def test_on_one_origin_files_have_none_of_their_own() -> None:
    assert ONE.assets == ""
    assert not ONE.is_for_assets("assets.v.example")


@pytest.mark.parametrize("name", ["v.example", "job-7.v.example", "localhost", ""])
def test_on_one_origin_no_name_is_a_jobs(name: str) -> None:
    assert ONE.job_at(name) is None


def test_a_policy_names_all_origins() -> None:
    assert (ONE.sources, LOOPBACK.sources) == (
        "https://v.example",
        "http://127.0.0.1:8081 http://*.belvedere.localhost:8081",
    )
