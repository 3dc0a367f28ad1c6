from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belvedere.contract.errors import InvalidLogUrl
from belvedere.contract.limits import TRAIN_URL_BYTES
from belvedere.sources.location import (
    FolderLocation,
    FolderRequest,
    ObjectLocation,
    describe,
    folder_hint,
    names_folder,
    parse_train_url,
    resolve_folder,
)


def parse_object(text: str) -> ObjectLocation | FolderRequest:
    return parse_train_url(text, log_roots=["/srv/logs"], stores=["default"])


@pytest.mark.parametrize(
    "text", ["/bucket/run-1/", "bucket/run-1", "obs://bucket/run-1/", "s3://bucket/run-1", "OBS://bucket/run-1"]
)
def test_every_spelling_names_the_same_prefix(text: str) -> None:
    assert parse_object(text) == ObjectLocation(store="default", bucket="bucket", prefix="run-1/")


def test_a_bucket_alone_has_an_empty_prefix() -> None:
    assert parse_object("obs://bucket") == ObjectLocation(store="default", bucket="bucket", prefix="")


@pytest.mark.parametrize("key", ["with space", "größe", "a%2fb", "a%2e%2e", "q?x=1", "frag#2", "日本"])
def test_keys_are_kept_literally(key: str) -> None:
    assert parse_object(f"obs://bucket/{key}/") == ObjectLocation(store="default", bucket="bucket", prefix=f"{key}/")


@pytest.mark.parametrize("text", ["/srv/logs/run-1", "file:///srv/logs/run-1/"])
def test_an_absolute_path_inside_a_log_root_is_a_folder_although_a_store_exists(text: str) -> None:
    found = parse_object(text)
    assert isinstance(found, FolderRequest)
    assert found.candidates[0][0] == "/srv/logs"


@pytest.mark.parametrize(
    "text",
    ["/srv/logs/run-1", "file:///srv/logs/run-1/", "/srv/logs", "/bucket/run-1/", "bucket/run-1", "obs://bucket/run-1"],
)
def test_only_what_is_a_folder_beside_any_store_is_known_to_be_one(text: str) -> None:
    assert names_folder(text, ["/srv/logs"]) is isinstance(parse_object(text), FolderRequest)


@pytest.mark.parametrize("text", ["/bucket/run-1/", "bucket/run-1"])
def test_without_a_store_the_log_roots_act_as_one(text: str) -> None:
    found = parse_train_url(text, log_roots=["/a", "/b/"], stores=[])
    assert isinstance(found, FolderRequest)
    assert found.candidates == (("/a", "/a/bucket/run-1"), ("/b/", "/b/bucket/run-1"))


@pytest.mark.parametrize(
    ("text", "code", "why"),
    [
        ("", "ModelArts.2791", "it is empty"),
        ("/", "ModelArts.2791", "names no bucket"),
        (" obs://bucket/run/", "ModelArts.2791", "begins with a blank"),
        ("\ufeffobs://bucket/run/", "ModelArts.2791", "begins with a blank"),
        ("obs:///run", "ModelArts.2791", "names no bucket"),
        ("obs://bucket//run", "ModelArts.4315", "contains //"),
        ("//bucket/run", "ModelArts.4315", "contains //"),
        ("obs://bucket/a/../b", "ModelArts.4313", "segment"),
        ("/bucket/..", "ModelArts.4313", "segment"),
        ("/bucket/./a", "ModelArts.4313", "segment"),
        ("/bucket/a\x00b", "ModelArts.4313", "control characters"),
        ("/bucket/a\nb", "ModelArts.4313", "control characters"),
        ("/bucket/\ud800", "ModelArts.4313", "control characters"),
        ("http://host/bucket/run", "ModelArts.2791", "http:// is not a log location"),
        ("ftp://bucket/run", "ModelArts.2791", "ftp:// is not a log location"),
        ("file:///etc", "ModelArts.2791", "outside of the allowed log roots"),
        ("file://host/srv/logs", "ModelArts.2791", "outside of the allowed log roots"),
        ("file:///srv/logs-of-others", "ModelArts.2791", "outside of the allowed log roots"),
        ("obs://ab/run", "ModelArts.2791", "no bucket name"),
        ("obs://Bucket/run", "ModelArts.2791", "no bucket name"),
        ("obs://user@host:80/run", "ModelArts.2791", "no bucket name"),
        ("obs://169.254.169.254/run", "ModelArts.2791", "no bucket name"),
        ("/Run_1/", "ModelArts.2791", "begins with a bucket's name; for a folder write /srv/logs/Run_1/"),
        (
            "/bucket/run/events.out.tfevents.1.vm",
            "ModelArts.2791",
            "names an event file. Name its folder: /bucket/run/.",
        ),
        ("obs://bucket/" + "k" * 1024, "ModelArts.2791", "longer than 1,024 bytes"),
        ("obs://bucket/" + "k" * TRAIN_URL_BYTES, "ModelArts.2791", "longer than 4,096 bytes"),
    ],
)
def test_a_bad_location_is_refused_with_its_reason(text: str, code: str, why: str) -> None:
    with pytest.raises(InvalidLogUrl, match=why) as refusal:
        parse_object(text)
    assert refusal.value.error_code == code
    what = "folder" if text.startswith("file:") else "obs path"
    assert refusal.value.message.startswith(f"Invalid {what}: ")


def test_a_folder_outside_of_the_log_roots_is_told_what_they_are() -> None:
    with pytest.raises(InvalidLogUrl, match="Allowed is what lies below /a or /b;"):
        parse_train_url("file:///c/run", log_roots=["/a", "/b"], stores=[])


def test_an_object_location_without_any_store_names_the_setting() -> None:
    with pytest.raises(InvalidLogUrl, match="BELVEDERE_STORE_ENDPOINT"):
        parse_train_url("obs://bucket/run/", log_roots=["/srv/logs"], stores=[])


@given(st.text())
def test_any_text_gives_a_safe_location_or_a_printable_refusal(text: str) -> None:
    found: ObjectLocation | FolderRequest | str
    try:
        found = parse_object(text)
    except InvalidLogUrl as refusal:
        found = refusal.message
    match found:
        case ObjectLocation(prefix=prefix):
            assert ".." not in prefix.split("/")
        case str():
            assert not any(ord(character) < 32 for character in found)


def test_a_folder_inside_its_root_is_resolved(tmp_path: Path) -> None:
    (tmp_path / "run-1").mkdir()
    found = resolve_folder(parse_folder(tmp_path, "/run-1/"))
    assert found == FolderLocation(path=str(tmp_path.resolve() / "run-1"), root=str(tmp_path.resolve()))


def test_the_first_root_that_holds_the_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b" / "run").mkdir(parents=True)
    request = parse_train_url("run", log_roots=[str(tmp_path / "a"), str(tmp_path / "b")], stores=[])
    assert isinstance(request, FolderRequest)
    assert resolve_folder(request).root == str((tmp_path / "b").resolve())


def test_a_symlink_out_of_the_root_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "leak").symlink_to("/etc")
    with pytest.raises(InvalidLogUrl, match="outside of the allowed log roots"):
        resolve_folder(parse_folder(root, "leak"))


def test_a_circle_of_links_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(InvalidLogUrl, match="circle"):
        resolve_folder(parse_folder(tmp_path, "loop"))


def test_a_name_that_no_file_system_takes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidLogUrl, match="too long"):
        resolve_folder(parse_folder(tmp_path, "x" * 300))


def test_the_root_itself_may_be_a_symlink(tmp_path: Path) -> None:
    (tmp_path / "real" / "run").mkdir(parents=True)
    (tmp_path / "root").symlink_to(tmp_path / "real")
    found = resolve_folder(parse_folder(tmp_path / "root", str(tmp_path / "root" / "run")))
    assert found.path == str((tmp_path / "real" / "run").resolve())


def test_a_description_hides_where_the_root_is() -> None:
    assert describe(FolderLocation(path="/srv/logs/run-1", root="/srv/logs")) == "run-1/"
    assert describe(ObjectLocation(store="default", bucket="b", prefix="p/")) == "obs://b/p/"


def parse_folder(root: Path, text: str) -> FolderRequest:
    found = parse_train_url(text, log_roots=[str(root)], stores=[])
    assert isinstance(found, FolderRequest)
    return found


def test_a_folder_taken_for_a_bucket_is_told_how_to_be_written() -> None:
    assert "for a folder write /a/run-1/ or /b/run-1/." in folder_hint("/run-1/", ["/a", "/b/"])
    assert folder_hint("obs://run-1/", ["/a"]) == ""
