"""A jar that a script has filled with cookies: when it is too full, and what empties it."""

from http.cookies import SimpleCookie

import pytest

from belvedere.console.jar import LARGEST, emptied, is_too_full, same_place

HOST = "job-1.viewers.example.com"


def test_an_honest_jar_is_not_too_full() -> None:
    assert not is_too_full(["; ".join(f"name-{n}={'v' * 200}" for n in range(100)), "belvedere_viewer=s"])


@pytest.mark.parametrize(
    "values", [["x=" + "v" * LARGEST], ["x=" + "v" * 40_000, "y=" + "v" * 40_000],
               ["; ".join(f"belvedere_viewer={n}" for n in range(17))]],
    ids=["one large", "several headers", "many of ours"],
)  # fmt: skip
def test_a_jar_full_of_large_ones_or_of_our_name_is(values: list[str]) -> None:
    assert is_too_full(values)


def test_each_place_that_sends_a_cookie_there_is_emptied() -> None:
    lines = emptied(["x=1"], HOST, "/modelarts2/tensorboard", secure=False)
    places = {(morsel["domain"], morsel["path"]) for line in lines for morsel in SimpleCookie(line).values()}
    domains = ["", HOST, "viewers.example.com", "example.com", "com"]
    paths = ["/", "/modelarts2", "/modelarts2/", "/modelarts2/tensorboard", "/modelarts2/tensorboard/"]
    assert places == {(domain, path) for domain in domains for path in paths}


def test_our_own_at_its_place_stays() -> None:
    lines = emptied(["__Host-belvedere_console=s"], "belvedere.example.com", "/", secure=True)
    assert all("Domain=" in line for line in lines)
    assert lines


def test_the_largest_go_first_and_an_answer_stays_within_what_browsers_take() -> None:
    jar = "; ".join([*(f"small-{n}=v" for n in range(200)), *(f"large-{n}={'v' * 4000}" for n in range(10))])
    lines = emptied([jar], HOST, "/modelarts2/tensorboard/p/1/", secure=True)
    assert all(any(line.startswith(f"large-{n}=;") for line in lines) for n in range(10))
    assert sum(map(len, lines)) < 150_000


@pytest.mark.parametrize("path", ["/a;b/c", "/\xe9/c", "/a\r\n/c"])
def test_no_path_writes_into_the_headers(path: str) -> None:
    lines = emptied(["x=1"], "127.0.0.1", path, secure=False)
    assert lines[0] == "x=; Max-Age=0; Path=/"
    assert all(line.isascii() and line.isprintable() and line.count(";") == 2 for line in lines)


@pytest.mark.parametrize("target", ["//evil.example/", "/\\evil.example/", "\\\\evil.example", "///evil.example"])
def test_the_way_back_leads_nowhere_else(target: str) -> None:
    assert same_place(target) in {"/evil.example/", "/evil.example"}
