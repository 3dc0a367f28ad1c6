"""What reads the event files for a TensorBoard: the Rust data server, or where that is missing the stock Python one."""

import functools
import os
from collections.abc import Callable
from typing import Any, Protocol

import grpc
from tensorboard.backend.event_processing import data_ingester
from tensorboard.data import grpc_provider

from belvedere.viewers.tensorboard.dataserver import DataServer, command_line
from belvedere.viewers.tensorboard.relay import Relay
from belvedere.viewers.words import SLOW_LOADER, Show

LARGEST_ANSWER = 256 << 20  # bytes, as TensorBoard has it
CHANNEL_OPTIONS = (
    ("grpc.max_receive_message_length", LARGEST_ANSWER),
    ("grpc.default_authority", "localhost"),  # the data server refuses the socket's path as a host name
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # Calls that fall into the gap between two data servers are made again.
    (
        "grpc.service_config",
        '{"methodConfig":[{"name":[{}],"retryPolicy":{"maxAttempts":5,"initialBackoff":"0.05s","maxBackoff":"1s",'
        '"backoffMultiplier":3,"retryableStatusCodes":["UNAVAILABLE"]}}]}',
    ),
)


class Loader(Protocol):
    """Reads a folder's logs."""

    @property
    def name(self) -> str:
        """As told in the LOADER event."""
        ...

    @property
    def provider(self) -> Any:
        """TensorBoard's DataProvider."""
        ...

    @property
    def multiplexer(self) -> Any:
        """What old plug-ins read from; None where it doesn't exist."""
        ...

    def load(self) -> None:
        """Read the folder now, or anew."""
        ...

    def close(self) -> None:
        """Leave no process."""
        ...


class RustLoader:
    """The Rust data server behind a relay."""

    name = "rust"
    multiplexer: Any = None

    def __init__(
        self, binary: str, show: Show, *, on_loaded: Callable[[], None], on_given_up: Callable[[str], None]
    ) -> None:
        self._socket = os.path.join(show.work, "grpc.sock")  # noqa: PTH118 - a name for gRPC and bind()
        self._server = DataServer(
            command_line(binary, show.folder, show.reload_seconds),
            Relay(self._socket),
            on_loaded=on_loaded,
            on_given_up=on_given_up,
        )

    @functools.cached_property
    def provider(self) -> Any:
        """Opens a channel: threads begin here, so never before a fork."""
        channel = grpc.insecure_channel(f"unix:{self._socket}", options=CHANNEL_OPTIONS)
        return grpc_provider.GrpcDataProvider("localhost", grpc_provider.make_stub(channel))

    def load(self) -> None:
        self._server.load()

    def close(self) -> None:
        self._server.close()


class PythonLoader:
    """TensorBoard's own loader, about 130 times slower. It sees replaced files by itself."""

    name = SLOW_LOADER

    def __init__(self, flags: Any, *, on_loaded: Callable[[], None]) -> None:
        self._ingester = data_ingester.LocalDataIngester(flags)
        self._on_loaded = on_loaded
        self._started = False
        self._waiting = 0
        self._reload = self.multiplexer.Reload
        self.multiplexer.Reload = self._reload_and_tell

    @property
    def provider(self) -> Any:
        return self._ingester.data_provider

    @property
    def multiplexer(self) -> Any:
        return self._ingester.deprecated_multiplexer

    def load(self) -> None:
        self._waiting += 1
        if not self._started:
            self._started = True
            self._ingester.start()

    def close(self) -> None:
        """Its threads end with the process."""

    def _reload_and_tell(self) -> None:
        waiting = self._waiting
        self._reload()
        for _ in range(waiting):
            self._on_loaded()
        self._waiting -= waiting
