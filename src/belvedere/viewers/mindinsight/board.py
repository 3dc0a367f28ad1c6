"""MindInsight's web application as it has to be to serve one folder in one process.

What is changed of it, all in memory: it reads its logs in this process instead of in a pool that it makes anew every
three seconds; it takes links for files; it doesn't read a file that ends amid a record again and again for ten minutes;
its words go to standard error instead of into 1.5 GB of log files; its errors name no folder; it finds in pandas what
pandas 2 has renamed. Its last version is 2.3.1, so nothing here moves.
"""

import functools
import logging
import os
import sys
import time
import types
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from http import HTTPStatus
from importlib import import_module
from pathlib import PurePath
from typing import Any, Final

from belvedere.viewers.mindinsight.faults import CutOff, Faults

WsgiApp = Callable[[Any, Any], Iterable[bytes]]
FIRST: Final = "/v1/mindinsight/ui-config"
FAULTS: Final = Faults()
_PACKAGE: Final = "mindinsight"


def build() -> WsgiApp:
    """The application, without a folder yet. Starts no thread, writes no file. To be called once."""
    os.environ.setdefault("HOME", "/nonexistent")  # its settings ask for it while they are imported
    _import("utils.log").setup_logger = _logger
    _import("utils.computing_resource_mgr").ComputingResourceManager.get_executor = _executor
    _see_links()
    _read_files_whole()
    frame = import_module("pandas").DataFrame
    frame.iteritems = frame.items  # pandas 1, which still has that, can't be had for Python 3.12
    for manager in _managers():
        manager.start_load_data = _nothing  # before a fork there must be no thread
    _import("backend.data_manager").time = types.SimpleNamespace(sleep=_nothing)  # it waits a second for gunicorn
    app = _import("backend.application").APP
    app.after_request(_without_places)
    wsgi_app: WsgiApp = app
    return wsgi_app


def _without_places(answer: Any) -> Any:
    """Its errors name folders of this machine, to whoever asks for a run that isn't there."""
    if answer.status_code >= HTTPStatus.BAD_REQUEST:
        folder, body = PurePath(_import("conf").settings.WORKSPACE), answer.get_data()
        for place in (folder, *folder.parents[:-1]):  # all but the root
            body = body.replace(bytes(place), b"...")
        answer.set_data(body)
    return answer


def open_folder(folder: str, workspace: str) -> "Reader":
    """Show this folder. `workspace` is for what it writes."""
    settings = _import("conf").settings
    settings.SUMMARY_BASE_DIR = folder
    settings.WORKSPACE = workspace
    data, explain = _managers()
    for manager in (data, explain):
        manager.__init__(folder)
        del manager.start_load_data  # from now on a run that is opened late is loaded
    for analyzer in _import("backend.data_manager").ANALYZERS.values():
        data.register_folder_analyzer(analyzer)
    data.register_brief_cache_item_updater(_import("lineagemgr.cache_item_updater").LineageCacheItemUpdater())
    return Reader(data, explain)


class Reader:
    """Reads the folder when it is told to."""

    def __init__(self, data: Any, explain: Any) -> None:
        self._data = data
        self._explain = explain

    def read(self) -> None:
        """Read what is new, and return when it is shown."""
        self._data._load_brief_data_loop(0)
        self._data._load_data_in_thread(0)
        self._explain._load_data()
        FAULTS.cut_off(set(self._cut_off()), time.monotonic())

    def forget(self) -> None:
        """Begin anew: files were rewritten."""
        FAULTS.forget()
        detail, brief = self._data._detail_cache, self._data._brief_cache
        with detail._loading_mutex, detail._loader_pool_mutex:
            detail._loader_pool.clear()
        with brief._lock:
            brief._cache_items = {}
        with self._explain._loader_pool_mutex:
            self._explain._loader_pool.clear()

    def words(self) -> str:
        """What of the logs can't be read."""
        return FAULTS.words(time.monotonic())

    def _cut_off(self) -> Iterator[CutOff]:
        for loader in self._data._detail_cache._get_snapshot_loader_pool().values():
            for parser in getattr(loader.data_loader._loader, "_parser_list", []):
                handler = getattr(parser, "_summary_file_handler", None)
                if handler is not None and not parser.is_integrity:
                    yield CutOff(name=_named(parser, parser._latest_filename), offset=handler.offset)


class _Here:
    """An executor that does at once what it is given. Each of MindInsight's tasks is one record: 60 µs of work."""

    def __init__(self, reader: Any = None) -> None:
        """`reader`: what of MindInsight's reads a run's files; None if that is not known."""
        self._reader = reader

    def submit(self, task: Callable[..., Any], *arguments: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        try:
            future.set_result(task(*arguments))
        except Exception as error:  # noqa: BLE001 - it is the task's; whoever asks for the result gets it
            FAULTS.garbled(_named(self._reader, str(arguments[-1])))  # the file that it is a record of
            future.set_exception(error)
        return future


def _named(reader: Any, file: str) -> str:
    """A file as people find it: with its run, where there is one. Files of many runs may bear the same name."""
    run = os.path.relpath(reader._summary_dir, _import("conf").settings.SUMMARY_BASE_DIR) if reader else "."
    return os.path.normpath(os.path.join(run, os.path.basename(file)))  # noqa: PTH118, PTH119 - for each damaged record


def _executor(_manager: Any, max_processes_cnt: int = 1) -> AbstractContextManager[_Here]:
    del max_processes_cnt
    return nullcontext(_HERE)


def _see_links() -> None:
    """It skips links, for fear that they lead elsewhere. Ours have been made for it."""
    for name in ("datavisual.data_transform.summary_watcher", "debugger.debugger_folder_analyzer"):
        module = _import(name)
        module.os = _like(module.os, scandir=_entries)


def _read_files_whole() -> None:
    """It looks through all folders after each record, and reads a file's broken end again until that is 10 min old.

    A file with a record of impossible length it leaves out without a word.
    """
    module = _import("datavisual.data_transform.ms_data_loader")
    module.Executor = _Here  # what runs its tasks is checked by its type
    module.path = types.SimpleNamespace(getmtime=lambda _: 0.0)
    read_one, next_record = module._SummaryParser._load_single_file, module._SummaryParser.event_load
    incomplete = module.exceptions.CRCLengthFailedError

    def read_all(parser: Any, *arguments: Any) -> bool:
        while not read_one(parser, *arguments):
            pass
        return True

    def record(handler: Any) -> bytes | None:
        try:
            found: bytes | None = next_record(handler)
        except (MemoryError, OverflowError, OSError) as error:  # such a length that no file has it
            raise incomplete("the length of a record is beyond everything") from error
        return found

    module._SummaryParser._load_single_file = read_all
    module._SummaryParser.event_load = staticmethod(record)
    for kind in (module._SummaryParser, module._PbParser):
        kind.parse_files = _known_to_its_tasks(kind.parse_files)


def _known_to_its_tasks(parse_files: Callable[..., bool]) -> Callable[..., bool]:
    """Have what reads a run's files give its tasks to an executor that knows which run that is."""

    def parse(parser: Any, _executor: Any, *arguments: Any, **named: Any) -> bool:
        return parse_files(parser, _Here(parser), *arguments, **named)

    return parse


def _entries(path: str) -> Iterator["_Entry"]:
    with os.scandir(path) as entries:
        for entry in entries:
            try:
                entry.stat()
            except OSError:
                continue  # a link whose file has just gone
            yield _Entry(entry)


class _Entry:
    """A directory's entry that is no link."""

    def __init__(self, entry: "os.DirEntry[str]") -> None:
        self._entry = entry
        self.name, self.path = entry.name, entry.path
        self.stat, self.is_file, self.is_dir = entry.stat, entry.is_file, entry.is_dir

    def is_symlink(self) -> bool:
        return False


def _like(module: types.ModuleType, **changed: object) -> types.SimpleNamespace:
    """A module with some of its names changed, for one importer alone."""
    return types.SimpleNamespace(**{**vars(module), **changed})


def _logger(sub_module: str, log_name: str, **_: Any) -> logging.Logger:
    logger = logging.getLogger(f"{sub_module}.{log_name}")
    if not logger.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
        logger.addHandler(handler)
        logger.setLevel(logging.WARNING)
        logger.propagate = False
    return logger


def _managers() -> tuple[Any, Any]:
    data = _import("datavisual.data_transform.data_manager").DATA_MANAGER
    return data, _import("explainer.manager.explain_manager").EXPLAIN_MANAGER


def _nothing(*_arguments: Any, **_named: Any) -> None:
    """In place of what must not happen."""


@functools.cache
def _import(name: str) -> Any:
    return import_module(f"{_PACKAGE}.{name}")


_HERE: Final = _Here()
