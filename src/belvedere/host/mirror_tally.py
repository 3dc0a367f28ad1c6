"""What a pass has done so far: counted where it happens, read by whoever tells people."""

from collections import deque
from collections.abc import Callable

_SPEED_SECONDS = 5.0
_SAMPLE_SECONDS = 0.25


class Tally:
    """Numbers of one pass. `changed` is called after each change."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self.files_total = 0
        self.bytes_total = 0
        self.files_done = 0
        self.bytes_done = 0
        self.rewrites = 0
        self.has_logs = False

    def expect(self, files: int, size: int) -> None:
        """The totals are known."""
        self.files_total, self.bytes_total = files, size
        self._changed()

    def moved(self, size: int) -> None:
        """So many bytes more are there; negative when some were found to be worthless."""
        self.bytes_done += size
        self._changed()

    def finished(self, *, log: bool) -> None:
        """One more file is whole."""
        self.files_done += 1
        self.has_logs = self.has_logs or log
        self._changed()

    def rewrote(self) -> None:
        """A file was replaced or removed under its readers."""
        self.rewrites += 1
        self._changed()


class Speed:
    """Bytes per second, as of the last few seconds."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()

    def note(self, seconds: float, size: int) -> int | None:
        """The speed when `size` bytes are there at `seconds` of any clock; None as long as nothing can be said."""
        if not self._samples or seconds - self._samples[-1][0] >= _SAMPLE_SECONDS:
            self._samples.append((seconds, size))
        while len(self._samples) > 1 and seconds - self._samples[0][0] > _SPEED_SECONDS:
            self._samples.popleft()
        since, before = self._samples[0]
        return max(0, int((size - before) / (seconds - since))) if seconds - since >= _SAMPLE_SECONDS else None
