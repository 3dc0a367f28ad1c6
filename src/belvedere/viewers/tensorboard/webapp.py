"""TensorBoard's web application on a data provider of our choice, and the server for it.

TensorBoard's own command gzips all its web assets anew at each start (215 ms of 330). Here one is compressed when it is
first asked for, which is hardly ever, for the gateway has them; the bytes are the same. This uses parts of TensorBoard
that are not public: its version is pinned, and a test compares every answer with the stock command's.
"""

import functools
import zipfile
from collections.abc import Callable, Iterable
from typing import Any

from tensorboard import assets, default, main_lib, program
from tensorboard.backend import application
from tensorboard.data import grpc_provider
from tensorboard.plugins.core import core_plugin
from tensorboard.plugins.projector import projector_plugin

from belvedere.viewers.tensorboard import shortcuts, without
from belvedere.viewers.tensorboard.channel import Channel, Port
from belvedere.viewers.tensorboard.confinement import asset_below
from belvedere.viewers.wsgi import ask

WsgiApp = Callable[[Any, Any], Iterable[bytes]]
INDEX = "index.html"
FIRST = "/data/environment"
TOUCHED = "/data/window_properties"
LOGS = "logs"  # the name, in a viewer's work folder, of a link to what it shows
PORT = Port()
CHANNEL = Channel(PORT)


class _CoreLoader(core_plugin.CorePluginLoader):  # type: ignore[misc]
    """The core plug-in with lazily compressed assets. It tells nothing of the command line in `/data/environment`."""

    def __init__(self) -> None:
        super().__init__(include_debug_info=False)

    def load(self, context: Any) -> Any:
        plugin = super().load(context)
        plugin.get_resource_apps = functools.partial(_resource_apps, plugin)
        return plugin


def prepare() -> None:
    """Do once what each viewer would have to do: set-up, the application. Starts no thread."""
    fast_app("")


def fast_app(path_prefix: str) -> WsgiApp:
    """The application on the data server that listens on `PORT`, below this path from now on.

    It shows the folder that `LOGS` leads to from where its process is. So it is the same for all jobs but for the path,
    and a fork finds it ready. Plug-ins that others have made may keep the path in ways that are not known here; they
    are made anew.
    """
    if without.has_plug_ins():
        return _fast_app(path_prefix)
    app = _fast_app("")
    _move(app, path_prefix)
    return app


@functools.cache
def _fast_app(path_prefix: str) -> WsgiApp:
    stub = grpc_provider.make_stub(CHANNEL)
    return build_app(flags_for(LOGS, path_prefix, 1.0), grpc_provider.GrpcDataProvider("localhost", stub))


def _move(app: Any, path_prefix: str) -> None:
    """Have TensorBoard's application answer below another path, which it and its core plug-in keep."""
    if app._path_prefix == path_prefix:
        return
    app._path_prefix = path_prefix
    app._app = app._create_wsgi_app()
    for plugin in app._plugins:
        if isinstance(plugin, core_plugin.CorePlugin):
            plugin._path_prefix = plugin._flags.path_prefix = path_prefix


def flags_for(folder: str, path_prefix: str, reload_seconds: float) -> Any:
    """TensorBoard's flags, as its command line would set them."""
    board = _tensorboard()
    board.configure(
        argv=("tensorboard", f"--logdir={folder}", f"--path_prefix={path_prefix}"),
        reload_interval=reload_seconds,
        detect_file_replacement=True,  # for the Python loader: the mirror replaces rewritten files
    )
    return board.flags


def build_app(flags: Any, provider: Any, multiplexer: Any = None) -> WsgiApp:
    """The WSGI application."""
    board = _tensorboard()
    app: WsgiApp = application.TensorBoardWSGIApp(
        flags, board.plugin_loaders, provider, board.assets_zip_provider, multiplexer
    )
    return app


def touch() -> None:
    """Answer something that needs no data: what that takes of memory is at hand then."""
    ask(fast_app(""), TOUCHED)


def first_request(app: WsgiApp) -> bool:
    """Ask for something that goes through to the data; whether it was answered well.

    It waits until there is a data server, and is answered while that loads the logs. Whoever comes next finds all pages
    of memory that it takes copied.
    """
    return ask(app, FIRST).startswith("200")


@functools.cache
def _tensorboard() -> Any:
    main_lib.global_init()
    shortcuts.take()
    projector_plugin._rel_to_abs_asset_path = asset_below
    plugins = [
        _CoreLoader() if isinstance(plugin, core_plugin.CorePluginLoader) else plugin
        for plugin in default.get_plugins()
    ]
    return program.TensorBoard(plugins=plugins)


def _resource_apps(plugin: Any) -> dict[str, WsgiApp]:
    apps: dict[str, WsgiApp] = {f"/{path}": functools.partial(_serve, plugin, path) for path in _asset_names()}
    apps["/"] = apps[f"/{INDEX}"]
    return apps


def _serve(plugin: Any, path: str, environ: Any, start_response: Any) -> Iterable[bytes]:
    content = _asset(path)
    if path == INDEX:
        answer: Iterable[bytes] = plugin._serve_index(content, environ, start_response)
    else:
        answer = plugin._serve_asset(path, content, environ, start_response)
    return answer


@functools.cache
def _asset_names() -> tuple[str, ...]:
    with assets.get_default_assets_zip_provider()() as file, zipfile.ZipFile(file) as archive:
        return tuple(archive.namelist())


@functools.cache
def _asset(path: str) -> bytes:
    """As TensorBoard sends it: gzipped, but for its index."""
    with assets.get_default_assets_zip_provider()() as file, zipfile.ZipFile(file) as archive:
        content = archive.read(path)
    if path == INDEX:
        return content
    compressed: bytes = core_plugin._gzip(content)
    return compressed
