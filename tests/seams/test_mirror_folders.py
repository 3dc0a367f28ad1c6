import asyncio
import gc
import os
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from belvedere.contract.reasons import ReasonCode
from belvedere.host.mirroring import Mirror
from belvedere.host.mirrors import FolderMirrors
from belvedere.sources.base import Entry, SourceDenied
from belvedere.sources.folder import FolderSource
from belvedere.sources.location import FolderLocation, Location
from belvedere.sources.opening import open_source

from .mirroring import EventsViewer, content, has_failed, has_note, is_complete, until, until_content

EVENTS = "events.out.tfevents.1"


@pytest.fixture
async def mirrors(tmp_path: Path) -> AsyncIterator[FolderMirrors]:
    made = FolderMirrors(tmp_path / "mirrors", lambda location: open_source(location, {}), poll_seconds=0.02)
    yield made
    await made.close()


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path.resolve() / "root" / "run"
    folder.mkdir(parents=True)
    return folder


def open_mirror(mirrors: FolderMirrors, logs: Path, project: str = "p") -> Mirror:
    return mirrors.open(project, FolderLocation(path=str(logs), root=str(logs.parent)), EventsViewer())


async def test_wanted_files_are_shown_in_place(mirrors: FolderMirrors, logs: Path) -> None:
    (logs / "a").mkdir()
    (logs / "a" / EVENTS).write_bytes(b"12345")
    (logs / "model.ckpt").write_bytes(b"no")
    mirror = open_mirror(mirrors, logs)
    state = await until(mirror, is_complete)
    assert content(mirror.folder) == {f"a/{EVENTS}": b"12345"}
    assert (mirror.folder / "a" / EVENTS).is_symlink()
    assert (state.has_logs, state.progress.state, state.progress.bytes_done) == (True, "current", 5)


async def test_new_and_grown_files_are_no_rewrite(mirrors: FolderMirrors, logs: Path) -> None:
    (logs / EVENTS).write_bytes(b"1")
    mirror = open_mirror(mirrors, logs)
    await until(mirror, is_complete)
    with (logs / EVENTS).open("ab") as file:
        file.write(b"2")
    (logs / f"{EVENTS}.b").write_bytes(b"b")
    await until_content(mirror, {EVENTS: b"12", f"{EVENTS}.b": b"b"})
    assert mirror.state.rewrites == 0


@pytest.mark.parametrize("change", ["cut", "replaced", "removed"])
async def test_a_file_that_is_not_what_it_was_counts_as_rewritten(
    mirrors: FolderMirrors, logs: Path, change: str
) -> None:
    (logs / EVENTS).write_bytes(b"12345")
    mirror = open_mirror(mirrors, logs)
    await until(mirror, is_complete)
    if change == "cut":
        (logs / EVENTS).write_bytes(b"1")
    elif change == "replaced":
        (logs / "new").write_bytes(b"abcdefg")
        (logs / "new").rename(logs / EVENTS)
    else:
        (logs / EVENTS).unlink()
    assert (await until(mirror, lambda state: state.rewrites > 0)).rewrites == 1


async def test_a_symlink_out_of_the_root_is_not_followed(mirrors: FolderMirrors, logs: Path, tmp_path: Path) -> None:
    (tmp_path / EVENTS).write_bytes(b"secret")
    (logs / EVENTS).symlink_to(tmp_path / EVENTS)
    mirror = open_mirror(mirrors, logs)
    await until(mirror, is_complete)
    assert content(mirror.folder) == {}


async def test_projector_settings_that_lead_out_are_left_out_with_a_note(mirrors: FolderMirrors, logs: Path) -> None:
    (logs / "projector_config.pbtxt").write_text('embeddings { metadata_path: "/etc/passwd" }')
    mirror = open_mirror(mirrors, logs)
    state = await until(mirror, has_note)
    assert state.note is not None
    assert state.note.code is ReasonCode.UNSAFE_FILE
    assert "'projector_config.pbtxt'" in state.note.text
    assert content(mirror.folder) == {}


async def test_safe_projector_settings_are_copied_and_follow_changes(mirrors: FolderMirrors, logs: Path) -> None:
    safe = b'embeddings { metadata_path: "metadata.tsv" }'
    (logs / "projector_config.pbtxt").write_bytes(safe)
    mirror = open_mirror(mirrors, logs)
    await until_content(mirror, {"projector_config.pbtxt": safe})
    assert not (mirror.folder / "projector_config.pbtxt").is_symlink()
    (logs / "projector_config.pbtxt").write_text('embeddings { metadata_path: "../x" }')
    await until_content(mirror, {})


async def test_an_absent_folder_ends_the_mirror_and_opening_it_again_tries_anew(
    mirrors: FolderMirrors, logs: Path
) -> None:
    absent = logs / "later"
    mirror = open_mirror(mirrors, absent)
    failure = (await until(mirror, has_failed)).failure
    assert failure is not None
    assert failure.code is ReasonCode.NO_SUCH_PATH
    assert "The folder later/ does not exist below" in failure.text
    await mirror.close()
    absent.mkdir()
    (logs / "later" / EVENTS).write_bytes(b"1")
    location = FolderLocation(path=str(absent), root=str(logs.parent))
    again = mirrors.open("p", location, EventsViewer())
    assert (await until(again, is_complete)).has_logs


async def test_a_folder_that_goes_away_later_is_a_note(mirrors: FolderMirrors, logs: Path) -> None:
    (logs / EVENTS).write_bytes(b"1")
    mirror = open_mirror(mirrors, logs)
    await until(mirror, is_complete)
    logs.rename(logs.parent / "moved")
    state = await until(mirror, has_note)
    assert state.note is not None
    assert (state.note.code, state.failure, state.complete) == (ReasonCode.NO_SUCH_PATH, None, True)


class Stuck(FolderSource):
    """Hangs at its first look or amid its listing while `answers` isn't set."""

    where = "look"
    answers = threading.Event()

    def _look(self) -> None:
        self._hang("look")
        super()._look()

    def _entries(self) -> Iterator[Entry]:
        for entry in super()._entries():
            self._hang("listing")
            yield entry

    def _hang(self, where: str) -> None:
        if where == self.where:
            self.answers.wait(30)


@pytest.mark.parametrize("where", ["look", "listing"])
async def test_a_folder_that_hangs_is_told_in_time_with_the_end_of_patience_and_shown_when_it_answers(
    tmp_path: Path, logs: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stuck, "where", where)
    monkeypatch.setattr(Stuck, "answers", threading.Event())
    (logs / EVENTS).write_bytes(b"1")

    def opened(location: Location) -> FolderSource:
        assert isinstance(location, FolderLocation)
        return Stuck(location, patience=0.05)

    mirrors = FolderMirrors(tmp_path / "mirrors", opened, poll_seconds=0.02)
    mirror = open_mirror(mirrors, logs)
    told = await until(mirror, has_note)
    assert told.note is not None
    assert (told.note.code, "does not answer" in told.note.text) == (ReasonCode.SOURCE_UNREACHABLE, True)
    assert told.progress.gives_up_at is not None
    Stuck.answers.set()
    await until_content(mirror, {EVENTS: b"1"})
    assert mirror.state.failure is None
    await mirrors.close()


async def test_an_empty_folder_says_so(mirrors: FolderMirrors, logs: Path) -> None:
    state = await until(open_mirror(mirrors, logs), is_complete)
    assert state.note is not None
    assert (state.note.code, state.has_logs) == (ReasonCode.NOTHING_TO_SHOW, False)


async def test_a_mirror_is_shared_within_a_project_only(mirrors: FolderMirrors, logs: Path) -> None:
    first, second, other = (open_mirror(mirrors, logs, project) for project in ("p", "p", "q"))
    assert first.folder == second.folder
    assert first.folder != other.folder
    await first.close()
    (logs / EVENTS).write_bytes(b"1")
    await until(second, lambda state: state.has_logs)


async def test_opening_it_again_and_again_keeps_nothing_of_the_times_before(mirrors: FolderMirrors, logs: Path) -> None:
    for _ in range(5):
        mirror = open_mirror(mirrors, logs)
        await until(mirror, is_complete)
        await mirror.close()
    gc.collect()
    tasks = [each for each in gc.get_objects() if isinstance(each, asyncio.Task)]
    assert [task for task in tasks if task.done() and task.get_name().startswith("mirror")] == []


async def test_only_its_owner_gets_to_a_mirror_and_whoever_is_there_may_read(
    mirrors: FolderMirrors, logs: Path
) -> None:
    (logs / "metadata.tsv").write_bytes(b"labels")
    mirror = open_mirror(mirrors, logs)
    await until(mirror, is_complete)
    assert mirror.folder.stat().st_mode & 0o777 == 0o755
    assert (mirror.folder / "metadata.tsv").stat().st_mode & 0o777 == 0o644
    assert mirror.folder.parent.stat().st_mode & 0o777 == 0o700


async def test_a_file_that_is_no_log_is_copied_so_that_its_name_can_be_exchanged_without_effect(
    mirrors: FolderMirrors, logs: Path, tmp_path: Path
) -> None:
    (logs / EVENTS).write_bytes(b"1")
    (logs / "metadata.tsv").write_bytes(b"labels")
    mirror = open_mirror(mirrors, logs)
    await until_content(mirror, {EVENTS: b"1", "metadata.tsv": b"labels"})
    assert not (mirror.folder / "metadata.tsv").is_symlink()
    (tmp_path / "secret").write_bytes(b"secret")
    (logs / "link").symlink_to(tmp_path / "secret")
    (logs / "link").rename(logs / "metadata.tsv")
    seen = {content(mirror.folder).get("metadata.tsv")}
    await until_content(mirror, {EVENTS: b"1"})
    assert seen <= {b"labels", None}


async def test_a_copied_file_follows_changes_of_any_kind(mirrors: FolderMirrors, logs: Path) -> None:
    (logs / "metadata.tsv").write_bytes(b"labels")
    mirror = open_mirror(mirrors, logs)
    await until_content(mirror, {"metadata.tsv": b"labels"})
    for text in (b"LABELS", b"LABELS and more", b"few"):
        (logs / "metadata.tsv").write_bytes(text)
        await until_content(mirror, {"metadata.tsv": text})


async def test_a_path_that_leads_out_by_the_time_it_is_opened_is_refused(
    logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    source = FolderSource(FolderLocation(path=str(logs), root=str(logs.parent)))
    monkeypatch.setattr(source, "path_of", lambda key: tmp_path / "secret")
    with pytest.raises(SourceDenied):
        _ = [chunk async for chunk in source.read("x", 0, 10)]
    await source.close()


async def test_a_mirror_tells_the_folder_that_its_links_lead_into(mirrors: FolderMirrors, logs: Path) -> None:
    (logs.parent / "latest").symlink_to(logs)
    location = FolderLocation(path=str(logs.parent / "latest"), root=str(logs.parent))
    assert list(await mirrors.open("p", location, EventsViewer()).elsewhere()) == [logs]
    location = FolderLocation(path=str(logs.parent / "missing"), root=str(logs.parent))
    assert await mirrors.open("p", location, EventsViewer()).elsewhere() == {}


async def test_a_log_that_lies_elsewhere_in_the_root_is_copied_and_grows(mirrors: FolderMirrors, logs: Path) -> None:
    other = logs.parent / "other"
    other.mkdir()
    (other / EVENTS).write_bytes(b"1")
    (logs / "linked").symlink_to(other)
    mirror = open_mirror(mirrors, logs)
    await until_content(mirror, {f"linked/{EVENTS}": b"1"})
    assert not (mirror.folder / "linked" / EVENTS).is_symlink()
    with (other / EVENTS).open("ab") as file:
        file.write(b"2")
    await until_content(mirror, {f"linked/{EVENTS}": b"12"})


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's viewers are other users")
@pytest.mark.parametrize("kept_private", ["file", "folder"])
async def test_roots_viewers_get_copies_of_what_others_may_not_read(
    mirrors: FolderMirrors, logs: Path, kept_private: str
) -> None:
    (logs / "a").mkdir()
    (logs / "a" / EVENTS).write_bytes(b"1")
    (logs / "a" / EVENTS if kept_private == "file" else logs / "a").chmod(0o600 if kept_private == "file" else 0o700)
    mirror = open_mirror(mirrors, logs)
    await until_content(mirror, {f"a/{EVENTS}": b"1"})
    assert not (mirror.folder / "a" / EVENTS).is_symlink()


async def test_a_link_becomes_a_copy_when_its_file_moves_elsewhere(mirrors: FolderMirrors, logs: Path) -> None:
    (logs / EVENTS).write_bytes(b"1")
    mirror = open_mirror(mirrors, logs)
    await until_content(mirror, {EVENTS: b"1"})
    (logs / EVENTS).rename(logs.parent / EVENTS)
    (logs / EVENTS).symlink_to(logs.parent / EVENTS)
    await until(mirror, lambda _: (mirror.folder / EVENTS).is_file() and not (mirror.folder / EVENTS).is_symlink())
    assert content(mirror.folder) == {EVENTS: b"1"}
