"""What tests of the real service share: one service a module, one object store for all."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from belvedere.viewers.environments import Environments
from tests.support.installed import MINDSPORE_TRAINING, MINDSPORE_VALUES, installed
from tests.support.logs import RICH
from tests.support.seaweedfs import SeaweedFs
from tests.support.service import BelvedereProcess, running_service

BUCKET = "training"
QUICK = {"BELVEDERE_POLL_SECONDS": "0.5"}


@pytest.fixture(scope="session")
def seaweedfs() -> Iterator[SeaweedFs]:
    """An object store that checks signatures; its bucket holds the rich logs below rich/."""
    with SeaweedFs() as store:
        for path in RICH.rglob("*"):
            if path.is_file():
                store.put(BUCKET, f"rich/{path.relative_to(RICH)}", path.read_bytes())
        yield store


def store_settings(store: SeaweedFs, **changed: str) -> Mapping[str, str]:
    """How an operator tells the service of the store."""
    keys = {"endpoint": store.endpoint, "access_key": store.access_key, "secret_key": store.secret_key} | changed
    return {f"BELVEDERE_STORE_{name.upper()}": value for name, value in keys.items()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The module's log root."""
    return tmp_path_factory.mktemp("logs")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Iterator[BelvedereProcess]:
    """A service on embedded defaults, with the rich logs and the module's own folder as its log roots.

    It holds no bad token back: tests send hundreds.
    """
    env = {**QUICK, "BELVEDERE_GUESS_RATE": "100000"}
    with running_service(tmp_path_factory.mktemp("service"), log_roots=(RICH, folder), env=env) as started:
        yield started


@pytest.fixture(scope="module")
def store_service(tmp_path_factory: pytest.TempPathFactory, seaweedfs: SeaweedFs) -> Iterator[BelvedereProcess]:
    """A service whose logs lie in the object store."""
    env = {**QUICK, **store_settings(seaweedfs)}
    with running_service(tmp_path_factory.mktemp("service"), env=env) as started:
        yield started


@pytest.fixture(scope="session")
def environments() -> Environments:
    """Installed viewers: MindInsight and Netron."""
    return installed()


@pytest.fixture(scope="module")
def mindinsight_service(
    tmp_path_factory: pytest.TempPathFactory, seaweedfs: SeaweedFs, folder: Path, environments: Environments
) -> Iterator[BelvedereProcess]:
    """A service that has MindInsight; its logs lie in the object store, or in the module's own folder."""
    for root in (MINDSPORE_VALUES, MINDSPORE_TRAINING):
        for path in root.rglob("*_*"):
            if path.is_file():
                seaweedfs.put(BUCKET, f"{root.name}/{path.relative_to(root)}", path.read_bytes())
    env = {**QUICK, **store_settings(seaweedfs), "BELVEDERE_VIEWERS_FOLDER": str(environments.folder)}
    with running_service(tmp_path_factory.mktemp("service"), log_roots=(RICH, folder), env=env) as started:
        yield started
