"""Files that are the same for every job, and pages that name them."""

from collections.abc import Iterable
from pathlib import Path

from belvedere.gateway.shelf import ASSETS, AssetSet, asset_set, plain, with_shared_scripts
from belvedere.viewers.base import AssetFile
from belvedere.viewers.tensorboard.viewer import TensorBoard


class Small:
    def __init__(self, body: bytes) -> None:
        self._body = body

    def assets(self, environment: Path | None) -> Iterable[AssetFile]:
        return [AssetFile(path="index.js", content_type="text/javascript", gzipped=self._body)]


SET = AssetSet(folder="v-1", files={"index.js": next(iter(Small(b"").assets(None)))})
SHARED = f'{ASSETS}v-1/index.js"'.encode()


def test_the_path_changes_with_the_content() -> None:
    assert asset_set("v", Small(b"1")).folder == asset_set("v", Small(b"1")).folder
    assert asset_set("v", Small(b"1")).folder != asset_set("v", Small(b"2")).folder


def test_a_pages_scripts_are_named_by_their_shared_paths() -> None:
    page = b'<head></head><script src="index.js?_file_hash=1"></script><script defer src="./index.js"></script>'
    assert with_shared_scripts(page, SET).count(SHARED) == 2


def test_other_scripts_stay_as_they_are() -> None:
    page = b'<script src="other.js"></script><script src="/index.js"></script><script>"index.js"</script>'
    assert with_shared_scripts(page, SET) == page


def test_a_page_with_a_base_of_its_own_stays_as_it_is() -> None:
    page = b'<base href="x/"><script src="index.js"></script>'
    assert with_shared_scripts(page, SET) == page


def test_tensorboard_gives_its_own_files() -> None:
    files = {file.path: file for file in TensorBoard().assets(None)}
    assert plain(files["index.js"]).startswith(b"/*") or len(plain(files["index.js"])) > 1_000_000
    assert "index.html" not in files
