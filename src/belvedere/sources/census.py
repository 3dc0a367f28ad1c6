"""What lies at a location, counted by kind: so that an empty board can say what is there instead."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import msgspec

from belvedere.contract.reasons import Reason, ReasonCode
from belvedere.sources.base import Entry
from belvedere.sources.location import Location, ObjectLocation, describe

_KIND_OF_SUFFIX = {
    **dict.fromkeys(("ckpt", "pt", "pth", "safetensors", "h5", "hdf5", "keras", "meta", "onnx", "pb"), "checkpoint"),
    **dict.fromkeys(("png", "jpg", "jpeg", "gif", "bmp", "svg", "webp", "tif", "tiff"), "image"),
    **dict.fromkeys(("csv", "tsv", "parquet", "tfrecord", "tfrecords", "npy", "npz", "record", "mindrecord"), "data"),
    **dict.fromkeys(("log", "txt", "out", "err", "json", "jsonl", "yaml", "yml", "md"), "text"),
    **dict.fromkeys(("zip", "tar", "gz", "tgz", "bz2", "xz", "zst"), "archive"),
}
_OTHER = "other"


class OtherLogs(msgspec.Struct, frozen=True, kw_only=True):
    """Logs of another viewer than the one that looks. `called`: such as "TensorBoard event files"."""

    viewer: str
    called: str


class Census:
    """Counts files by kind. It keeps counts only, so that a million keys cost no memory."""

    def __init__(self, other_logs: Callable[[str], OtherLogs | None] = lambda _: None) -> None:
        """`other_logs` says whose logs a key is of, if another viewer's."""
        self._other_logs = other_logs
        self._counts: Counter[str] = Counter()
        self._others: Counter[OtherLogs] = Counter()
        self.is_place = False  # there is a file, or the empty object that stands for a folder

    def add(self, entries: Iterable[Entry]) -> None:
        """Count some more."""
        keys = [entry.key for entry in entries]
        self.is_place = self.is_place or bool(keys)
        self._counts.update(_kind_of(key) for key in keys if not is_folder_mark(key))
        self._others.update(other for key in keys if (other := self._other_logs(key)))

    @property
    def total(self) -> int:
        """Files counted so far."""
        return self._counts.total()

    @property
    def others(self) -> tuple[OtherLogs, int] | None:
        """The most frequent of other viewers' logs, and how many there are; None without any."""
        return next(iter(self._others.most_common(1)), None)

    def words(self) -> str:
        """Such as "214 checkpoint files and 2 other files", the most frequent kind first."""
        kinds = sorted(self._counts, key=lambda kind: (kind == _OTHER, -self._counts[kind], kind))
        return _joined([_counted(self._counts[kind], kind) for kind in kinds])


def nothing_to_show(location: Location, census: Census, wanted: str, nearby: Sequence[str] = ()) -> Reason:
    """The reason of an empty board. `wanted`: such as "TensorBoard event files"; `nearby`: places that have some."""
    where, hint = describe(location), _hint(nearby)
    soon = "The viewer shows them as soon as they appear."
    if census.others:
        other, count = census.others
        called = other.called.removesuffix("s") if count == 1 else other.called
        text = f"0 {wanted} below {where}, {count:,} {called}: did you mean {other.viewer}?{hint} {soon}"
        return Reason(code=ReasonCode.NOTHING_TO_SHOW, text=text)
    if census.total:
        verb = "is" if census.total == 1 else "are"
        text = f"No {wanted} below {where} yet: {census.words()} {verb} there.{hint} {soon}"
        return Reason(code=ReasonCode.NOTHING_TO_SHOW, text=text)
    is_absent = isinstance(location, ObjectLocation) and location.prefix and not census.is_place
    code = ReasonCode.NO_SUCH_PATH if is_absent else ReasonCode.NOTHING_TO_SHOW
    text = f"Nothing is stored below {where} yet. Check the path if you expected logs there.{hint} {soon}"
    return Reason(code=code, text=text)


def is_folder_mark(key: str) -> bool:
    """Whether it is the key of an empty object that some tools make for a folder."""
    return not key or key.endswith("/")


def _hint(nearby: Sequence[str]) -> str:
    if not nearby:
        return ""
    return f" There are some below {_joined([*nearby[:3], *(['others'] if len(nearby) > 3 else [])])}."


def _kind_of(key: str) -> str:
    name = key.rpartition("/")[2].lower()
    if ".ckpt" in name or "checkpoint" in name or ".data-0" in name:
        return "checkpoint"
    return _KIND_OF_SUFFIX.get(name.rpartition(".")[2], _OTHER)


def _counted(count: int, kind: str) -> str:
    return f"{count:,} {kind} file{'' if count == 1 else 's'}"


def _joined(parts: list[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
