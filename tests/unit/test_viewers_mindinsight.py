"""Which files a MindInsight wants, how runs are laid out for it, and what is told of damaged ones."""

from pathlib import Path

import pytest

from belvedere.viewers.base import HasAssets
from belvedere.viewers.mindinsight.faults import SETTLED, CutOff, Faults
from belvedere.viewers.mindinsight.layout import CACHED, LISTED, Layout, flat_names
from belvedere.viewers.mindinsight.names import run_of
from belvedere.viewers.mindinsight.program import limits_of
from belvedere.viewers.mindinsight.viewer import MindInsight

SUMMARY = "events.out.events.summary.1795444508.0.vm_MS"


@pytest.mark.parametrize(
    ("key", "run"),
    [
        (SUMMARY, ""),
        (f"train_0/{SUMMARY}", "train_0"),
        (f"a/b/train_0/{SUMMARY}", "a/b/train_0"),
        ("train_0/events.out.events.summary.1.0.vm_lineage", "train_0"),
        ("train_0/ms_output.pb", "train_0"),
        ("train_0/profiler/step_trace_raw_0.csv", "train_0"),
        ("a/train_0/dump_x/rank_0/.dump_metadata/config.json", "a/train_0"),
        ("train_0/checkpoint.ckpt", None),
        ("events.out.tfevents.1795444508.vm", None),
    ],
)
def test_a_file_belongs_to_the_run_in_whose_folder_it_lies(key: str, run: str | None) -> None:
    assert run_of(key) == run
    assert MindInsight().wants(key) is (run is not None)


def test_summaries_are_logs_and_graphs_alone_are_not() -> None:
    assert MindInsight().is_log(f"a/{SUMMARY}")
    assert MindInsight().is_log("a/profiler/step_trace_raw_0.csv")
    assert not MindInsight().is_log("a/ms_output.pb")


def test_its_packages_are_locked_by_hash_with_a_numpy_that_it_can_work_with() -> None:
    environment = MindInsight().environment
    assert environment is not None
    assert "mindinsight==2.3.1 " in environment.requirements
    assert "numpy==1." in environment.requirements
    assert environment.requirements.count("--hash=sha256:") > 31


def test_it_has_files_that_others_may_serve() -> None:
    assert isinstance(MindInsight(), HasAssets)
    assert list(MindInsight().assets(None)) == []


def test_deeper_runs_get_names_of_one_level_and_keep_them() -> None:
    names = flat_names(["", "a", "a/b"], {})
    assert names == {"": "", "a": "a", "a/b": "a--b"}
    assert flat_names(["a--b", "a/b"], {"a/b": "a--b"}) == {"a/b": "a--b", "a--b": "a--b~2"}


def test_names_that_no_folder_can_bear_are_cut_and_stay_apart() -> None:
    runs = [f"{'漢' * 80}/{'x' * 200}/{letter}/{'y' * 250}" for letter in "ab"]
    names = flat_names(runs, {})
    assert len(set(names.values())) == 2
    assert all(name.startswith("…") and len(name.encode()) <= 255 for name in names.values())


def write(path: Path, content: bytes = b"x") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def laid(tmp_path: Path) -> Layout:
    (tmp_path / "logs").mkdir(exist_ok=True)
    return Layout(tmp_path / "logs", tmp_path / "flat", run_of)


def found(tmp_path: Path) -> set[str]:
    flat = tmp_path / "flat"
    return {path.relative_to(flat).as_posix() for path in flat.rglob("*") if path.is_file()}


def test_runs_of_any_depth_are_laid_out_side_by_side(tmp_path: Path) -> None:
    write(tmp_path / "logs" / SUMMARY)
    write(tmp_path / "logs" / "a" / "b" / SUMMARY)
    write(tmp_path / "logs" / "a" / "b" / "profiler" / "x.csv")
    write(tmp_path / "logs" / "a" / "b" / "notes.txt")
    layout = laid(tmp_path)
    assert layout.follow()
    assert found(tmp_path) == {SUMMARY, f"a--b/{SUMMARY}", "a--b/profiler/x.csv"}


def test_runs_behind_the_links_of_several_sources_are_laid_out_too(tmp_path: Path) -> None:
    write(tmp_path / "mirror" / "run" / SUMMARY)
    layout = laid(tmp_path)
    (tmp_path / "logs" / "first").symlink_to(tmp_path / "mirror")
    assert layout.follow()
    assert found(tmp_path) == {f"first--run/{SUMMARY}"}


def test_nothing_new_is_seen_where_nothing_changed(tmp_path: Path) -> None:
    write(tmp_path / "logs" / "a" / SUMMARY)
    layout = laid(tmp_path)
    assert (layout.follow(), layout.follow()) == (True, False)
    layout.forget()
    assert layout.follow()


def test_a_run_that_grows_comes_or_goes_is_seen(tmp_path: Path) -> None:
    layout = laid(tmp_path)
    write(tmp_path / "logs" / "a" / SUMMARY)
    assert layout.follow()
    write(tmp_path / "logs" / "a" / SUMMARY, b"xy")
    assert layout.follow()
    (tmp_path / "logs" / "a" / SUMMARY).unlink()
    assert layout.follow()
    assert list((tmp_path / "flat").iterdir()) == []


def test_of_too_many_runs_the_newest_are_listed(tmp_path: Path) -> None:
    for number in range(LISTED + 1):
        write(tmp_path / "logs" / f"r{number}" / SUMMARY)
    (tmp_path / "logs" / "r5" / SUMMARY).touch()
    layout = laid(tmp_path)
    layout.follow()
    assert (layout.runs, len(found(tmp_path))) == (LISTED + 1, LISTED)
    assert f"r5/{SUMMARY}" in found(tmp_path)


@pytest.mark.parametrize(
    ("runs", "told"),
    [
        (CACHED, ""),
        (CACHED + 1, "MindInsight keeps the 15 newest of the 16 runs loaded; another one loads when it is opened."),
        (
            LISTED + 1,
            "MindInsight lists 999 runs; of the 1,000 here the oldest are left out. Name a folder with fewer.",
        ),
    ],
)
def test_what_its_limits_mean_is_told_when_there_are_more(runs: int, told: str) -> None:
    assert limits_of(runs) == told


CUT = CutOff(name=SUMMARY, offset=1234)


def test_a_file_that_stays_cut_off_is_told_by_name() -> None:
    faults = Faults()
    faults.cut_off({CUT}, now=0.0)
    assert faults.words(SETTLED - 1) == ""
    assert faults.words(SETTLED).startswith(f"{SUMMARY} can't be read from byte 1,234 on")


def test_a_file_that_goes_on_is_whole_again() -> None:
    faults = Faults()
    faults.cut_off({CUT}, now=0.0)
    faults.cut_off(set(), now=5.0)
    assert faults.words(60.0) == ""


def test_records_without_meaning_are_counted_until_all_is_read_anew() -> None:
    faults = Faults()
    faults.garbled("a")
    faults.garbled("a")
    assert faults.words(0.0) == "2 records of a can't be understood and are left out."
    faults.forget()
    assert faults.words(0.0) == ""
