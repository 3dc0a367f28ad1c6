"""Shows a real summary through MindInsight's own application: ``… SCRATCH``. Ends with a sentence if it can't.

Versions alone prove nothing: with numpy 2 it starts, lists the run, and leaves out histograms, images and tensors
without a word; with marshmallow 4 it lists lineages, and fails as soon as its pages choose among them.
"""

import struct
import sys
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from werkzeug.test import Client, TestResponse

from belvedere.viewers.mindinsight import board

_RUN: Final = "train_id=.%2Frun"
_PIXELS: Final = b"\x00\xff\x80\x10" * 3  # of a picture of 2 x 2, RGB, with a filter byte in front of each line


def main() -> None:
    """Run as a process of its own."""
    scratch = Path(sys.argv[1])
    write_summary(scratch / "logs" / "run")
    app = board.build()
    board.open_folder(str(scratch / "logs"), str(scratch)).read()
    client = Client(app)
    missing = [what for what, path in _looks() if not _shows(client.get(path))]
    missing += [what for what, path, asked in _searches() if not _shows(client.post(path, json=asked))]
    if missing:
        sys.exit(f"the run's {', '.join(missing)} are left out")


def _looks() -> Iterator[tuple[str, str]]:
    base = "/v1/mindinsight/datavisual"
    yield "scalars", f"{base}/scalars?train_id=.%2Frun&tag=loss%2Fscalar"
    yield "histograms", f"{base}/histograms?{_RUN}&tag=weights%2Fhistogram"
    yield "images", f"{base}/image/metadata?{_RUN}&tag=sample%2Fimage"
    yield "tensors", f"{base}/tensors?{_RUN}&tag=t%2Ftensor&detail=stats"


def _searches() -> Iterator[tuple[str, str, Mapping[str, object]]]:
    asked = {"lineage_type": {"in": ["model"]}}
    yield "lineage", "/v1/mindinsight/lineagemgr/lineages", asked
    yield "lineage compared", "/v1/mindinsight/optimizer/targets/search", asked


def _shows(answer: TestResponse) -> bool:
    return answer.status_code == 200 and any(word in answer.data for word in (b"step", b"learning_rate"))


def write_summary(folder: Path) -> None:
    """A run with two steps of a scalar, a histogram, a picture and a tensor, and lineage, as MindSpore writes them."""
    folder.mkdir(parents=True)
    _write(folder, "MS", (event for step in (1, 2) for event in _events(step)))
    _write(folder, "lineage", _lineage())


def _write(folder: Path, kind: str, events: Iterable[Any]) -> None:
    with (folder / f"events.out.events.summary.{int(time.time())}.host_{kind}").open("wb") as file:
        for event in events:
            file.write(_record(event.SerializeToString()))


def _events(step: int) -> Iterator[Any]:
    """A step's values stand in one event, as MindSpore has it: one that can't be understood takes the others along."""
    from mindinsight.datavisual.proto_files import mindinsight_summary_pb2 as proto  # noqa: PLC0415 - in a guest only

    alone, together = (proto.Event(wall_time=time.time(), step=step) for _ in range(2))
    scalar = alone.summary.value.add()
    image, tensor, histogram = (together.summary.value.add() for _ in range(3))
    scalar.tag, scalar.scalar_value = "loss", 1 / step
    image.tag, picture = "sample", image.image
    picture.height, picture.width, picture.colorspace, picture.encoded_image = 2, 2, 3, _png()
    tensor.tag, array = "t", tensor.tensor
    array.dims.extend([2])
    array.data_type, array.float_data[:] = 16, [1.0, 2.0]  # FLOAT32
    histogram.tag, counts = "weights", histogram.histogram
    counts.count, counts.min, counts.max, counts.sum = 3, -1.0, 1.0, 0.5
    for left in (-1.0, 0.0):
        counts.buckets.add(left=left, width=1.0, count=2 if left else 1)
    yield from (alone, together)


def _lineage() -> Iterator[Any]:
    from mindinsight.datavisual.proto_files import mindinsight_lineage_pb2 as proto  # noqa: PLC0415 - in a guest only

    trained = proto.LineageEvent(wall_time=time.time())
    trained.train_lineage.hyper_parameters.learning_rate = 0.1
    trained.train_lineage.algorithm.loss = 0.5
    yield trained


def _png() -> bytes:
    lines = b"".join(b"\0" + _PIXELS[start : start + 6] for start in (0, 6))
    header = struct.pack(">IIBBBBB", 2, 2, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def _record(payload: bytes) -> bytes:
    """A record of a summary file: length, a checksum that MindInsight doesn't look at, payload, another one."""
    return struct.pack("<Q", len(payload)) + bytes(4) + payload + bytes(4)


if __name__ == "__main__":
    main()
