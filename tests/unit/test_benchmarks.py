import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from benchmarks.__main__ import DOCUMENT, SCENARIOS, write
from benchmarks.asking import Asker
from benchmarks.counting import counted
from benchmarks.datasets import LogSet
from benchmarks.load import BadLoad, Throughput, post_script, read
from benchmarks.processes import descendants
from benchmarks.programs.watched import Asked
from benchmarks.report import Chapter, figure, replaced, table, times
from benchmarks.scenarios import density, finding, following, gateway, large, memory, opening
from benchmarks.stock import is_complete, series_path
from benchmarks.summary import Row, Spread, Unit, Verdict, extrapolated, quantile, ratio, spread, verdict

SOON, LATE = spread([0.1]), spread([1.0])

WRK = """  Latency Distribution
     50%  312.00us
     75%  400.00us
  12345 requests in 3.00s, 1.00MB read
Requests/sec:   4115.12
"""


class Upstream:
    """A server that knows nothing, in a thread of its own."""

    def __enter__(self) -> "Upstream":
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Ignorant)
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Ignorant(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def row(**fields: object) -> Row:
    return Row(**{"what": "x", "unit": Unit.SECONDS, "ours": SOON, "peer": LATE, **fields})  # type: ignore[arg-type]


def test_a_spread_is_the_median_and_the_outer_tenths() -> None:
    assert spread([float(value) for value in range(11)]) == Spread(n=11, median=5.0, low=1.0, high=9.0)


def test_the_order_of_measurements_does_not_matter() -> None:
    assert spread([3.0, 1.0, 2.0]) == spread([1.0, 2.0, 3.0])


def test_a_single_value_is_its_own_spread() -> None:
    assert spread([7.0]) == Spread(n=1, median=7.0, low=7.0, high=7.0)


def test_quantiles_are_interpolated() -> None:
    assert quantile([0.0, 10.0], 0.25) == 2.5


def test_sooner_is_better() -> None:
    assert ratio(row()) == pytest.approx(10)


def test_more_per_second_is_better() -> None:
    assert ratio(row(unit=Unit.RATE, ours=spread([300.0]), peer=spread([100.0]))) == pytest.approx(3)


def test_what_a_start_takes_does_not_grow_with_the_logs() -> None:
    assert extrapolated(1.0, 3.0, 10) == 21.0


def test_without_a_peer_there_is_no_ratio() -> None:
    assert ratio(row(peer=None)) is None


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"at_least": 10}, Verdict.REACHED),
        ({"at_least": 11}, Verdict.MISSED),
        ({"at_most": 0.1}, Verdict.REACHED),
        ({"at_least": 10, "at_most": 0.09}, Verdict.MISSED),
        ({"at_least": 1, "peer": None}, Verdict.MISSED),
        ({}, Verdict.NONE),
    ],
)
def test_every_target_has_to_be_reached(asked: dict[str, object], expected: Verdict) -> None:
    assert verdict(row(**asked)) is expected


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (0.0473, Unit.SECONDS, "47.3 ms"),
        (1.5, Unit.SECONDS, "1.50 s"),
        (0.000131, Unit.SECONDS, "131 µs"),
        (0.0, Unit.SECONDS, "0.00 µs"),
        (79 * 2**20, Unit.BYTES, "79.0 MiB"),
        (12345.0, Unit.RATE, "12,345 /s"),
        (28.0, Unit.COUNT, "28"),
        (0.0, Unit.COUNT, "0"),
    ],
)
def test_figures_read_well(value: float, unit: Unit, words: str) -> None:
    assert figure(value, unit) == words


def test_ratios_have_three_digits() -> None:
    assert [times(0.567), times(12.34), times(1234.5)] == ["0.57×", "12.3×", "1,234×"]


def test_a_scaled_peer_says_so_in_the_table() -> None:
    assert "measured on 1/10 and scaled" in table([row(scale=10)])


def test_a_missed_target_stands_out() -> None:
    assert "**missed**" in table([row(at_least=50)])


def test_only_the_named_parts_of_a_document_change() -> None:
    document = "a\n<!-- generated: x -->\nold\n<!-- end: x -->\nb\n<!-- generated: y -->\nkept\n<!-- end: y -->\n"
    assert replaced(document, {"x": r"new \1"}) == document.replace("old", r"new \1")


def test_a_part_can_be_replaced_again() -> None:
    document = "<!-- generated: x -->\n<!-- end: x -->\n"
    assert replaced(replaced(document, {"x": "1"}), {"x": "2"}) == replaced(document, {"x": "2"})


def test_a_document_without_the_part_is_refused() -> None:
    with pytest.raises(KeyError, match="generated: x"):
        replaced("", {"x": ""})


def test_the_documentation_has_a_place_for_every_scenario(tmp_path: Path) -> None:
    copy = tmp_path / "benchmarks.md"
    copy.write_text(DOCUMENT.read_text(encoding="utf-8"), encoding="utf-8")
    write(copy, [Chapter(name=name, title=name, meaning="", rows=(row(),)) for name in SCENARIOS])
    assert all(f"### {name}\n" in copy.read_text(encoding="utf-8") for name in SCENARIOS)


def test_what_wrk_prints_is_read() -> None:
    found = read(WRK)
    assert found.rate == 4115.12
    assert found.latency == pytest.approx(312e-6)


@pytest.mark.parametrize("trouble", ["  Non-2xx or 3xx responses: 3\n", "  Socket errors: connect 0, read 1\n"])
def test_a_load_with_errors_gives_no_figure(trouble: str) -> None:
    with pytest.raises(BadLoad, match=trouble.strip()):
        read(trouble + WRK)


def test_silence_of_wrk_is_an_error() -> None:
    with pytest.raises(BadLoad, match="no figures"):
        read("")


def test_a_posted_body_stands_in_wrk_s_script_as_it_is() -> None:
    assert '[==[{"a":"\\n"}]==]' in post_script('{"a":"\\n"}')


def test_descendants_are_found_at_any_depth_and_others_are_not() -> None:
    assert descendants([1], {2: 1, 3: 2, 4: 3, 9: 8}) == {1, 2, 3, 4}


def test_all_data_are_served_when_each_run_shows_its_last_step() -> None:
    logs = LogSet(name="x", runs=2, tags=1, steps=10)
    whole = [[0.0, 9, 1.0]]
    assert is_complete({"run-00": whole, "run-01": whole}, logs)
    assert not is_complete({"run-00": whole}, logs)
    assert not is_complete({"run-00": whole, "run-01": [[0.0, 8, 1.0]]}, logs)
    assert not is_complete({"run-00": whole, "run-01": []}, logs)


def test_names_of_series_are_escaped_in_urls() -> None:
    assert series_path("a b", "c/d").endswith("?run=a%20b&tag=c%2Fd")


def test_opening_is_compared_from_the_wish_to_the_answer() -> None:
    ours = [opening.Course(answered=0.01, viewer=0.1, scalar=0.2)]
    theirs = [opening.Course(answered=0.0, viewer=1.0, scalar=4.0)]
    chapter = opening.chapter("local", ours, theirs, targets=(10, None))
    assert [ratio(each) for each in chapter.rows] == [None, pytest.approx(10), pytest.approx(20)]


def test_memory_of_a_scaled_peer_is_not_compared() -> None:
    ours, peer = (
        [large.Outcome(viewer=1, seconds=1, memory=1, control=1)],
        large.Outcome(viewer=1, seconds=10, memory=12),
    )
    chapter = large.chapter(ours, peer, peer, [0.5], boto3_scale=1, s3fs_scale=10)
    assert [(each.unit, ratio(each)) for each in chapter.rows] == [
        (Unit.SECONDS, 10),
        (Unit.SECONDS, 91),
        (Unit.SECONDS, 0.5),
        (Unit.BYTES, 12),
        (Unit.BYTES, 6),
    ]


@pytest.mark.parametrize(("ours", "verdict_of_it"), [(1.9, Verdict.REACHED), (2.1, Verdict.MISSED)])
def test_finding_asks_for_a_ratio_and_a_time(ours: float, verdict_of_it: Verdict) -> None:
    (row,) = finding.chapter([ours], [50.0]).rows
    assert verdict(row) is verdict_of_it


def test_ten_thousand_other_objects_surround_twenty_event_files() -> None:
    keys = finding.objects(50)
    assert [sum("tfevents" in key for key in keys), len(keys)] == [20, 10_020]


def test_requests_of_stock_tensorboard_are_scaled_to_ten_minutes() -> None:
    counts = following.Counts(ours=Asked(watched=28, unwatched=0), stock=100, seconds=60)
    rows = following.chapter([1.0] * 19 + [9.0], counts).rows
    assert [verdict(each) for each in rows[1:]] == [Verdict.REACHED] * 3
    assert [each.peer and each.peer.median for each in rows[2:]] == [1000, 1000]


def test_one_request_while_nobody_watches_is_one_too_many() -> None:
    counts = following.Counts(ours=Asked(watched=28, unwatched=1), stock=100, seconds=60)
    assert verdict(following.chapter([1.0], counts).rows[-1]) is Verdict.MISSED


def test_requests_are_counted_and_passed_on() -> None:
    with Upstream() as upstream, counted(upstream.origin) as line:
        asker = Asker(line.endpoint)
        assert [asker.get("/a").status for _ in range(3)] == [404] * 3
        asker.close()
        assert line.requests == 3


def test_what_viewers_share_is_counted_with_the_first_and_not_with_the_next() -> None:
    chapter = memory.chapter(100.0, {1: 110.0, 50: 600.0}, 900.0, {1: 80.0, 50: 4000.0})
    assert [each.ours.median for each in chapter.rows] == [10, 110, 12, 18, 100]
    assert [each.at_least for each in chapter.rows] == [6, None, None, None, None]


def test_what_a_job_takes_is_what_all_of_them_add() -> None:
    found = density.Found(
        starts=[2.0],
        all_back=[5.0],
        idle=[1.0],
        memory_before=100,
        memory_asleep=300,
        wakes=[0.1] * 2,
        memory_awake=340,
    )
    rows = density.chapter(found, defined=1000, running=100).rows
    assert [each.ours.median for each in rows] == [2, 5, 1, 300, 2, 0.1, 340, 20]
    assert verdict(rows[0]) is Verdict.REACHED


def test_time_added_is_what_exceeds_the_round_without_anything_in_between() -> None:
    found = {
        side: [Throughput(rate=1, latency=latency)]
        for side, latency in (("ours", 0.5), ("proxy", 0.75), ("direct", 0.25))
    }
    added = gateway.chapter(found, found).rows[1]
    assert (added.ours.median, added.peer and added.peer.median) == (0.25, 0.5)
