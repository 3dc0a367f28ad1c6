"""A jar that a script has filled with cookies: when it is too full, and what empties it."""

from http.cookies import SimpleCookie

import pytest

from belvedere.console.jar import LARGEST, emptied, emptying, is_too_full, same_place

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


def test_long_names_make_no_answer_that_browsers_refuse() -> None:
    jar = "; ".join(f"{n}{'n' * 4000}=v" for n in range(20))
    lines = emptied([jar], HOST, "/modelarts2/tensorboard/p/1/", secure=True)
    assert 0 < sum(map(len, lines)) < 200_000


@pytest.mark.parametrize(
    ("jar", "gone"),
    [("\xe9=v", "\xe9="), ("\u6f22=v", "\u6f22="), ("x y=v", "x y="), ("=v", "=x"), ("v", "=x"), ('"a"=v', '"a"=')],
)
def test_any_name_that_a_script_can_choose_is_taken_away(jar: str, gone: str) -> None:
    assert emptied([jar], "127.0.0.1", "/", secure=False) == [f"{gone}; Max-Age=0; Path=/"]


@pytest.mark.parametrize("jar", ["a\x01b=v", "a\tb=v", "\udc80=v", "; ;", ""])
def test_what_no_browser_sends_comes_back_in_no_header(jar: str) -> None:
    assert emptied([jar], "127.0.0.1", "/", secure=False) == []


def test_what_can_not_be_taken_away_one_by_one_goes_with_all_of_the_sites() -> None:
    jar, seen = "x=1", []
    for _ in range(6):
        headers = emptying([jar], "127.0.0.1", "/", secure=False)
        jar = f"x=1; {headers[1][1].partition(';')[0]}"
        seen.append(("Clear-Site-Data", '"cookies"') in headers)
    assert seen == [False, False, False, True, True, True]


@pytest.mark.parametrize("count", ["-1", "9" * 5000, "\u0661", "x", ""])
def test_a_count_that_a_script_has_written_breaks_nothing(count: str) -> None:
    assert emptying([f"belvedere_emptied={count}"], "127.0.0.1", "/", secure=False)


@pytest.mark.parametrize("path", ["/a;b/c", "/\xe9/c", "/a\r\n/c"])
def test_no_path_writes_into_the_headers(path: str) -> None:
    lines = emptied(["x=1"], "127.0.0.1", path, secure=False)
    assert lines[0] == "x=; Max-Age=0; Path=/"
    assert all(line.isascii() and line.isprintable() and line.count(";") == 2 for line in lines)


@pytest.mark.parametrize("target", ["//evil.example/", "/\\evil.example/", "\\\\evil.example", "///evil.example"])
def test_the_way_back_leads_nowhere_else(target: str) -> None:
    assert same_place(target) in {"/evil.example/", "/evil.example"}
