"""Names of log sources: from a user's `train_url` to a checked location. Pure, but for `resolve_folder`.

Accepted: ``/bucket/prefix/``, ``bucket/prefix``, ``obs://bucket/prefix``, ``s3://bucket/prefix``,
``file:///folder`` and any absolute path inside an allowed log root. Without an object store, ``/a/b/`` and ``a/b`` are
taken below the log roots, so that the same request works on a laptop. No form can name a host.

These are paths, not URLs, as in ModelArts: ``%2f``, ``?`` and ``#`` stand for themselves. Object keys may contain them,
and decoding would let ``%2e%2e`` come in as ``..`` after it was looked for.
"""

import ipaddress
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Final, assert_never

import msgspec

from belvedere.contract.errors import InvalidLogUrl
from belvedere.contract.limits import TRAIN_URL_BYTES
from belvedere.sources.selecting import Selection

DEFAULT_STORE: Final = "default"
_KEY_BYTES = 1024  # OBS and S3 alike
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
# 3-63 characters: lower-case letters, digits, hyphens and single periods, a letter or digit at both ends
_BUCKET = re.compile(r"(?=.{3,63}\Z)[a-z0-9]+(?:-+[a-z0-9]+|\.[a-z0-9]+)*")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # Unicode's categories Cc and Cs
_BLANKS = " \ufeff\u00a0"  # what comes along when a URL is copied
_DOUBLE_SLASH = "ModelArts.4315"
_BAD_CHARACTERS = "ModelArts.4313"
_EVENT_FILE = "events.out.tfevents."  # TensorBoard's own sign of one; no folder is called so
_FORMS = "Use obs://bucket/prefix/ or /bucket/prefix/."


class FolderLocation(msgspec.Struct, frozen=True, kw_only=True, tag="folder", omit_defaults=True):
    """A local folder. `path` is absolute and free of symlinks; `root` is the allowed root that holds it."""

    path: str
    root: str
    selection: Selection | None = None  # None: everything; never one that says the same


class ObjectLocation(msgspec.Struct, frozen=True, kw_only=True, tag="object", omit_defaults=True):
    """A prefix in a bucket of a named store. `prefix` is empty or ends in ``/`` and doesn't begin with one."""

    store: str
    bucket: str
    prefix: str
    selection: Selection | None = None  # as above


Location = FolderLocation | ObjectLocation


class FolderRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A folder as asked for: `candidates` are (root, path) pairs in order of preference, not yet looked at."""

    text: str
    candidates: tuple[tuple[str, str], ...]


def parse_train_url(text: str, *, log_roots: Sequence[str], stores: Sequence[str]) -> ObjectLocation | FolderRequest:
    """What `text` names. Touches nothing. `stores`: names of the configured object stores. Raises InvalidLogUrl."""
    _check_characters(text)
    if text.lstrip(_BLANKS) != text and _SCHEME.match(text.lstrip(_BLANKS)):
        raise _invalid(text, "it begins with a blank", "Remove it.")
    scheme, path = _split_scheme(text)
    _check_segments(text, path)
    match scheme:
        case "file":
            return _inside_a_root(text, path, log_roots) or _outside(text, log_roots)
        case "obs" | "s3":
            return _object(text, path, stores, "")
        case "":
            return _bare(text, path, log_roots, stores)
        case _:
            raise _invalid(text, f"{scheme}:// is not a log location", f"{_FORMS} Other hosts are never contacted.")


def names_folder(text: str, log_roots: Sequence[str]) -> bool:
    """Whether `text` names a folder whatever object stores there are."""
    scheme, path = _split_scheme(text)
    return scheme in {"", "file"} and _inside_a_root(text, path, log_roots) is not None


def resolve_folder(request: FolderRequest) -> FolderLocation:
    """The folder, with every symlink resolved and shown to lie inside its root. It may not exist yet.

    Looks at the file system and can block for as long as that does. Raises InvalidLogUrl.
    """
    try:
        resolved = [(Path(root).resolve(), Path(path).resolve()) for root, path in request.candidates]
        inside = [(root, path) for root, path in resolved if path.is_relative_to(root)]
        if not inside:
            _outside(request.text, [root for root, _ in request.candidates])
        root, path = next((pair for pair in inside if pair[1].is_dir()), inside[0])
    except (OSError, RuntimeError) as error:  # RuntimeError: how Python before 3.13 tells of a circle
        why = "a name in it is too long, or its links lead in a circle"
        remedy = "Check the path on the machine that holds the logs."
        raise _invalid(request.text, why, remedy, what="folder") from error
    return FolderLocation(path=str(path), root=str(root))


def split_pattern(url: str) -> tuple[str, str]:
    """A source's URL as the place above its pattern, and the path that begins with the pattern ("" without one).

    One folder's name may hold ``*``, any number of them. Raises InvalidLogUrl.
    """
    if "*" not in url:
        return url, ""
    before, _, after = url.partition("*")
    above, slash, begun = before.rpartition("/")
    name, _, below = f"{begun}*{after}".partition("/")
    if "**" in name or "*" in below:
        raise _invalid(url, "it has more than one folder with *", "Let * stand in the name of one folder alone.")
    if not slash or above.endswith(":/"):
        raise _invalid(url, "its * stands in the name of a bucket", "Name the bucket; * may stand below it.")
    below = f"{below.rstrip('/')}/" if below.strip("/") else ""
    return f"{above}/", f"{name}/{below}"


def selected(location: Location, selection: Selection) -> Location:
    """The location, with only so much of it taken."""
    return msgspec.structs.replace(location, selection=None if selection == Selection() else selection)


def parent_of(location: Location) -> Location | None:
    """One level up, None at the top of a bucket and of a log root. Of a selection it is the place selected from."""
    if location.selection is not None:
        return msgspec.structs.replace(location, selection=None)
    match location:
        case ObjectLocation(prefix=prefix) if prefix:
            above = prefix.rstrip("/").rpartition("/")[0]
            return msgspec.structs.replace(location, prefix=f"{above}/" if above else "")
        case FolderLocation(path=path, root=root) if path != root:
            return FolderLocation(path=str(PurePosixPath(path).parent), root=root)
        case _:
            return None


def child_of(location: Location, name: str) -> Location:
    """One level down."""
    match location:
        case ObjectLocation(prefix=prefix):
            return msgspec.structs.replace(location, prefix=f"{prefix}{name}/")
        case FolderLocation(path=path, root=root):
            return FolderLocation(path=f"{path}/{name}", root=root)
    assert_never(location)


def describe(location: Location) -> str:
    """The location in a sentence: never a path of the machine outside of its root."""
    folders = location.selection.folders if location.selection else ""
    match location:
        case ObjectLocation(bucket=bucket, prefix=prefix):
            return f"obs://{bucket}/{prefix}{folders}"
        case FolderLocation(path=path, root=root):
            below = PurePosixPath(path).relative_to(root)
            return f"{below}/{folders}" if below.parts else folders or "the log root"


def _check_characters(text: str) -> None:
    if not text.strip():
        raise _invalid(text, "it is empty", _FORMS)
    if _CONTROLS.search(text):
        raise _invalid(text, "it contains control characters", "Remove them.", code=_BAD_CHARACTERS)
    if len(text.encode()) > TRAIN_URL_BYTES:
        raise _invalid(text, f"it is longer than {TRAIN_URL_BYTES:,} bytes", "Shorten it.")


def _split_scheme(text: str) -> tuple[str, str]:
    found = _SCHEME.fullmatch(text)
    return (found[1].lower(), found[2]) if found else ("", text)


def _check_segments(text: str, path: str) -> None:
    if "//" in path:
        raise _invalid(text, "it contains //", "Separate folders by a single slash.", code=_DOUBLE_SLASH)
    if any(segment in {".", ".."} for segment in path.split("/")):
        raise _invalid(text, "it contains a . or .. segment", "Write the path out.", code=_BAD_CHARACTERS)


def _bare(text: str, path: str, log_roots: Sequence[str], stores: Sequence[str]) -> ObjectLocation | FolderRequest:
    if folder := _inside_a_root(text, path, log_roots):
        return folder
    if stores or not log_roots:
        return _object(text, path.removeprefix("/"), stores, folder_hint(text, log_roots))
    below = path.strip("/")
    if not below:
        raise _invalid(text, "it names no folder", "Name one below the log root, such as /run-1/.", what="folder")
    return FolderRequest(text=text, candidates=tuple((root, f"{root.rstrip('/')}/{below}") for root in log_roots))


def _inside_a_root(text: str, path: str, log_roots: Sequence[str]) -> FolderRequest | None:
    """The folder if `path` is absolute and lies, as written, in an allowed root. The innermost root comes first."""
    if not path.startswith("/"):
        return None
    holders = [root for root in log_roots if f"{path}/".startswith(f"{root.rstrip('/')}/")]
    holders.sort(key=len, reverse=True)
    return FolderRequest(text=text, candidates=tuple((root, path) for root in holders)) if holders else None


def folder_hint(text: str, log_roots: Sequence[str]) -> str:
    """What to do if a text without a scheme, which names a bucket where there are stores, was meant for a folder."""
    if not log_roots or _SCHEME.fullmatch(text):
        return ""
    below = text.strip("/")
    written = " or ".join(f"{root.rstrip('/')}/{below}/" for root in log_roots)
    return f" With an object store, /{below}/ begins with a bucket's name; for a folder write {written}."


def absent_words(text: str, log_roots: Sequence[str]) -> str:
    """What to say of an absolute path that lies, as written, in no root, and is not there below one; "" of others."""
    if not text.startswith("/") or _inside_a_root(text, text, log_roots):
        return ""
    outside = f"as it is, it lies outside of the log roots ({', '.join(log_roots)})"
    remedy = "Check its name, or ask the operator to allow it with --log-root."
    return f"There is no {text} to read logs from: {outside}, and below them there is no {text.strip('/')}/. {remedy}"


def _object(text: str, path: str, stores: Sequence[str], hint: str) -> ObjectLocation:
    bucket, _, key = path.partition("/")
    if not bucket:
        raise _invalid(text, "it names no bucket", _FORMS)
    if not _BUCKET.fullmatch(bucket) or _is_address(bucket):
        remedy = "Bucket names have 3 to 63 lower-case letters, digits, hyphens and periods."
        raise _invalid(text, "its first part is no bucket name", f"{remedy}{hint}")
    if _EVENT_FILE in key.rpartition("/")[2]:
        raise _invalid(text, "it names an event file", f"Name its folder: {text.rpartition('/')[0]}/.")
    prefix = f"{key.rstrip('/')}/" if key else ""
    if len(prefix.encode()) > _KEY_BYTES:
        raise _invalid(text, f"its path is longer than {_KEY_BYTES:,} bytes", "Object keys can't be that long.")
    if not stores:
        remedy = "Add one by `belvedere store add` or BELVEDERE_STORE_ENDPOINT, or name a folder below a --log-root."
        raise _invalid(text, "no object store is configured", remedy)
    return ObjectLocation(store=DEFAULT_STORE if DEFAULT_STORE in stores else stores[0], bucket=bucket, prefix=prefix)


def _is_address(bucket: str) -> bool:
    try:
        ipaddress.ip_address(bucket)
    except ValueError:
        return False
    return True


def _outside(text: str, log_roots: Sequence[str]) -> FolderRequest:
    allowed = f"Allowed is what lies below {' or '.join(log_roots)}; ask" if log_roots else "Ask"
    remedy = f"{allowed} the operator to allow its folder with --log-root."
    raise _invalid(text, "the folder lies outside of the allowed log roots", remedy, what="folder")


def _invalid(text: str, why: str, remedy: str, *, code: str | None = None, what: str = "obs path") -> InvalidLogUrl:
    """`what` is "obs path", the documented words, wherever one may have been meant."""
    return InvalidLogUrl(f"Invalid {what}: {_printable(text)}, reason: {why}. {remedy}", code=code)


def _printable(text: str) -> str:
    """`text` without control characters and in a length that fits a message."""
    escaped = _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text[:201])
    return escaped if len(text) <= 200 else f"{escaped[:200]}…"
