from datetime import UTC, datetime

import pytest

from belvedere.contract.reasons import ReasonCode
from belvedere.sources.base import Entry
from belvedere.sources.census import Census, OtherLogs, nothing_to_show
from belvedere.sources.location import FolderLocation, Location, ObjectLocation

PLACE = ObjectLocation(store="s", bucket="b", prefix="p/")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def census_of(*keys: str) -> Census:
    census = Census()
    census.add(Entry(key=key, size=1, modified=EPOCH) for key in keys)
    return census


def test_the_sentence_says_what_is_there_instead() -> None:
    census = census_of(*(f"model-{step}.ckpt" for step in range(214)), "notes", "run.sh")
    assert nothing_to_show(PLACE, census, "TensorBoard event files").text == (
        "No TensorBoard event files below obs://b/p/ yet: 214 checkpoint files and 2 other files are there. "
        "The viewer shows them as soon as they appear."
    )


def test_an_empty_place_is_told_apart() -> None:
    reason = nothing_to_show(PLACE, Census(), "TensorBoard event files")
    assert reason.code is ReasonCode.NO_SUCH_PATH
    assert reason.text.startswith("Nothing is stored below obs://b/p/ yet.")


@pytest.mark.parametrize(
    ("location", "census"),
    [
        (PLACE, census_of("")),  # the empty object that stands for a folder
        (ObjectLocation(store="s", bucket="b", prefix=""), Census()),
        (FolderLocation(path="/logs/run", root="/logs"), Census()),
    ],
)
def test_a_place_that_exists_is_not_called_absent(location: Location, census: Census) -> None:
    assert nothing_to_show(location, census, "logs").code is ReasonCode.NOTHING_TO_SHOW


def test_places_nearby_that_have_some_are_named() -> None:
    text = nothing_to_show(PLACE, Census(), "logs", ["obs://b/q/", "obs://b/r/"]).text
    assert "There are some below obs://b/q/ and obs://b/r/." in text


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("a/b.PNG", "1 image file"),
        ("a/model.ckpt-100.data-00000-of-00001", "1 checkpoint file"),
        ("a/checkpoint", "1 checkpoint file"),
        ("train.log", "1 text file"),
        ("a.b/noext", "1 other file"),
    ],
)
def test_each_kind_is_known_by_its_name(key: str, words: str) -> None:
    assert census_of(key).words() == words


def test_kinds_come_by_frequency_and_others_last() -> None:
    census = census_of("a", "b", "c", "x.png", "y.png", "m.pt")
    assert census.words() == "2 image files, 1 checkpoint file and 3 other files"


def test_logs_of_another_viewer_are_told_with_the_viewer_that_shows_them() -> None:
    events = OtherLogs(viewer="tensorboard", called="TensorBoard event files")
    census = Census(lambda key: events if "tfevents" in key else None)
    census.add(Entry(key=f"events.out.tfevents.{number}", size=1, modified=EPOCH) for number in range(3))
    text = nothing_to_show(PLACE, census, "MindSpore summary files").text
    assert text.startswith(
        "0 MindSpore summary files below obs://b/p/, 3 TensorBoard event files: did you mean tensorboard?"
    )
