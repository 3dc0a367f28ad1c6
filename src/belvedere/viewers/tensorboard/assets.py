"""TensorBoard's static files, out of its installed package, which is read and not imported."""

import functools
import gzip
import struct
import zipfile
import zlib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO, Final

from belvedere.viewers.base import AssetFile, asset_type

# Its head differs from job to job.
_MADE_BY_THE_VIEWER: Final = frozenset({"index.html"})
# The projector keeps its program beside its code instead of in the archive: 2 MB.
_PROJECTOR: Final = ("index.js", "projector_binary.js")
_LOCAL_HEADER: Final = struct.Struct("<26xHH")  # of a file in a zip: lengths of its name and its extra field
_PIECE: Final = 1 << 18  # bytes unpacked at a time
_GZIP_START: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"  # deflate, no name, no time, best compression


@functools.cache
def asset_files(environment: Path | None) -> tuple[AssetFile, ...]:
    """All of them; none if TensorBoard is not installed. Reads 4 MB and compresses some: some 100 ms."""
    package = (
        _package() if environment is None else next(environment.glob("lib/python*/site-packages/tensorboard"), None)
    )
    return tuple(_files(package)) if package else ()


def _package() -> Path | None:
    spec = find_spec("tensorboard")
    places = spec.submodule_search_locations if spec else None
    return Path(next(iter(places))) if places else None


def _files(package: Path) -> Iterator[AssetFile]:
    with (package / "webfiles.zip").open("rb") as file, zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            if info.filename not in _MADE_BY_THE_VIEWER and not info.is_dir():
                yield _asset(info.filename, _gzipped(file, archive, info))
    for name in _PROJECTOR:
        body = (package / "plugins/projector/tf_projector_plugin" / name).read_bytes()
        yield _asset(f"data/plugin/projector/{name}", gzip.compress(body, mtime=0))


def _gzipped(file: BinaryIO, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """A file of the archive as gzip: what the archive holds is that already, but for its frame."""
    if info.compress_type != zipfile.ZIP_DEFLATED:
        return gzip.compress(archive.read(info), mtime=0)
    file.seek(info.header_offset)
    name, extra = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
    file.seek(name + extra, 1)
    body = file.read(info.compress_size)
    framed = _GZIP_START + body + struct.pack("<II", info.CRC, info.file_size & 0xFFFFFFFF)
    if not _is_whole(body, info.CRC):
        raise zipfile.BadZipFile(f"{info.filename} in TensorBoard's webfiles.zip is damaged; install it anew.")
    return framed


def _is_whole(deflated: bytes, crc: int) -> bool:
    """Whether it unpacks to what it was packed from. Piece by piece: its largest files have 6 MB."""
    unpacker, rest, found = zlib.decompressobj(wbits=-zlib.MAX_WBITS), deflated, 0
    while rest and not unpacker.eof:
        found = zlib.crc32(unpacker.decompress(rest, _PIECE), found)
        rest = unpacker.unconsumed_tail
    return unpacker.eof and found == crc


def _asset(path: str, gzipped: bytes) -> AssetFile:
    return AssetFile(path=path, content_type=asset_type(path), gzipped=gzipped)
