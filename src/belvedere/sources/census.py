"""What lies at a location, counted by kind: so that an empty board can say what is there instead."""

from collections import Counter
from collections.abc import Iterable

from belvedere.contract.reasons import Reason, ReasonCode
from belvedere.sources.base import Entry

_KIND_OF_SUFFIX = {
    **dict.fromkeys(("ckpt", "pt", "pth", "safetensors", "h5", "hdf5", "keras", "meta", "onnx", "pb"), "checkpoint"),
    **dict.fromkeys(("png", "jpg", "jpeg", "gif", "bmp", "svg", "webp", "tif", "tiff"), "image"),
    **dict.fromkeys(("csv", "tsv", "parquet", "tfrecord", "tfrecords", "npy", "npz", "record", "mindrecord"), "data"),
    **dict.fromkeys(("log", "txt", "out", "err", "json", "jsonl", "yaml", "yml", "md"), "text"),
    **dict.fromkeys(("zip", "tar", "gz", "tgz", "bz2", "xz", "zst"), "archive"),
}
_OTHER = "other"


class Census:
    """Counts files by kind. It keeps counts only, so that a million keys cost no memory."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, entries: Iterable[Entry]) -> None:
        """Count some more."""
        self._counts.update(_kind_of(entry.key) for entry in entries)

    @property
    def total(self) -> int:
        """Files counted so far."""
        return self._counts.total()

    def words(self) -> str:
        """Such as "214 checkpoint files and 2 other files", the most frequent kind first."""
        kinds = sorted(self._counts, key=lambda kind: (kind == _OTHER, -self._counts[kind], kind))
        return _joined([_counted(self._counts[kind], kind) for kind in kinds])


def nothing_to_show(where: str, census: Census, wanted: str) -> Reason:
    """The reason of an empty board. `where`: the location in words; `wanted`: such as "TensorBoard event files"."""
    soon = "The viewer shows them as soon as they appear."
    if not census.total:
        text = f"Nothing is stored below {where} yet. Check the path if you expected logs there. {soon}"
        return Reason(code=ReasonCode.NOTHING_TO_SHOW, text=text)
    verb = "is" if census.total == 1 else "are"
    text = f"No {wanted} below {where} yet: {census.words()} {verb} there. {soon}"
    return Reason(code=ReasonCode.NOTHING_TO_SHOW, text=text)


def _kind_of(key: str) -> str:
    name = key.rpartition("/")[2].lower()
    if ".ckpt" in name or "checkpoint" in name or ".data-0" in name:
        return "checkpoint"
    return _KIND_OF_SUFFIX.get(name.rpartition(".")[2], _OTHER)


def _counted(count: int, kind: str) -> str:
    return f"{count:,} {kind} file{'' if count == 1 else 's'}"


def _joined(parts: list[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
