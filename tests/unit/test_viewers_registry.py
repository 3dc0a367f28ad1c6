"""Kinds of viewers that plug-ins bring: those that are no good are left out with a sentence, and harm no other."""

import logging
import threading
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import NoReturn

import msgspec
import pytest

from belvedere.viewers import registry
from belvedere.viewers.base import Environment
from belvedere.viewers.environments import MANIFEST, Environments, Installed
from belvedere.viewers.mindinsight.viewer import MindInsight
from belvedere.viewers.registry import viewer_types, would_show
from belvedere.viewers.tensorboard.viewer import TensorBoard


class Named(TensorBoard):
    """A viewer of this name."""

    def __init__(self, name: str, environment: str = "") -> None:
        super().__init__(name)
        self._environment = environment

    @property
    def environment(self) -> Environment | None:
        return Environment(name=self._environment, requirements="", distribution="x") if self._environment else None


class Moody(TensorBoard):
    """Fails when it is looked at."""

    @property
    def title(self) -> str:
        raise ZeroDivisionError("today not")


def odd(**attributes: object) -> Callable[[], object]:
    """What makes a viewer with some of its attributes changed."""
    return type("Odd", (TensorBoard,), attributes)


class Nothing:
    """No viewer at all."""


def raises() -> NoReturn:
    raise ImportError("no module named torch")


def ends() -> NoReturn:
    raise SystemExit(3)


Kinds = Callable[..., set[str]]


@pytest.fixture
def kinds(monkeypatch: pytest.MonkeyPatch) -> Kinds:
    """The names that are known with these plug-ins, beside ours."""

    def known(*factories: Callable[[], object]) -> set[str]:
        class Entry(msgspec.Struct):
            name: str
            factory: Callable[[], object]

            def load(self) -> Callable[[], object]:
                return self.factory

        monkeypatch.setattr(
            registry, "entry_points", lambda group: [Entry(f"e{n}", f) for n, f in enumerate(factories)]
        )
        return set(registry._kinds.__wrapped__()) - {"tensorboard", "mindinsight"}

    return known


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (raises, "no module named torch"),
        (ends, "can't be loaded"),
        (Moody, "today not"),
        (Nothing, "is no ViewerType, it lacks can_fork, description, environment"),
        (odd(title=5), "its title is 5, and not of type str"),
        (odd(program=b"x"), "its program is b'x', and not of type str"),
        (odd(pages_poll="yes"), "its pages_poll is 'yes', and not of type bool"),
        (odd(environment="mine"), "its environment is 'mine', and not of type Environment or None"),
        (odd(post_reads=["/a"]), "its post_reads is ['/a'], and not of type frozenset"),
        (odd(appetite=7), "its appetite is 7, and not of type Appetite"),
        (odd(wants=5), "its wants can't be called"),
        (odd(liveness_path="alive"), "its liveness_path is 'alive', and begins with no slash"),
        (lambda: Named("My Viewer"), "'My Viewer' is no name: a letter"),
        (lambda: Named("../../etc"), "'../../etc' is no name"),
        (lambda: Named(""), "'' is no name"),
        (lambda: Named("good"), "another plug-in brings good already"),
        (lambda: Named("sly", "../../../tmp/x"), "its environment is called '../../../tmp/x', and not sly"),
        (lambda: Named("thief", "mindinsight"), "its environment is called 'mindinsight', and not thief"),
    ],
)
def test_a_plug_in_that_is_no_good_is_left_out_and_told(
    kinds: Kinds, caplog: pytest.LogCaptureFixture, bad: Callable[[], object], told: str
) -> None:
    with caplog.at_level(logging.ERROR):
        assert kinds(lambda: Named("good"), bad, lambda: Named("better")) == {"good", "better"}
    assert told in caplog.text
    assert "the viewer plug-in e1" in caplog.text


def test_a_plug_in_that_never_comes_back_from_its_import_is_left_out(
    kinds: Kinds, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "LOADING", 0.2)
    end = threading.Event()

    def hangs() -> object:
        end.wait(60)
        return Named("late")

    with caplog.at_level(logging.ERROR):
        assert kinds(hangs, lambda: Named("good")) == {"good"}
    end.set()
    assert "the viewer plug-in e0 is left out: it can't be loaded within" in caplog.text


def test_one_that_fails_at_a_file_takes_it_for_none_of_its_logs() -> None:
    class Fails(TensorBoard):
        def is_log(self, key: str) -> bool:
            raise RuntimeError(key)

    assert (would_show(Fails(), "a.tfevents.1"), would_show(TensorBoard(), "a.tfevents.1")) == (False, True)


def test_a_plug_in_may_replace_a_viewer_of_ours(kinds: Kinds) -> None:
    assert kinds(lambda: Named("mindinsight", "mindinsight")) == set()


def test_an_installed_version_never_takes_the_place_of_another_kind(tmp_path: Path) -> None:
    for name in ("mindinsight", "tensorboard-next"):
        (tmp_path / name).mkdir()
        made = Installed(version="1", folder="env-1", asked="", kind="tensorboard", requirements=("tensorboard==1",))
        (tmp_path / name / MANIFEST).write_bytes(msgspec.json.encode(made))
    found = viewer_types(Environments(tmp_path))
    assert isinstance(found["mindinsight"], MindInsight)
    assert found["tensorboard-next"].title == "TensorBoard 1"


def test_a_version_is_there_as_soon_as_it_is_installed_and_gone_as_soon_as_it_is_removed(tmp_path: Path) -> None:
    environments, place = Environments(tmp_path / "viewers"), tmp_path / "viewers" / "next"
    before = viewer_types(environments)
    place.mkdir(parents=True)
    for version in ("1", "2"):
        made = Installed(
            version=version, folder="env-1", asked="", kind="tensorboard", requirements=(f"tensorboard=={version}",)
        )
        (place / "fresh").write_bytes(msgspec.json.encode(made))
        (place / "fresh").replace(place / MANIFEST)
        found = viewer_types(environments)
        assert found["next"].title == f"TensorBoard {version}"
        assert viewer_types(environments) is found
    (place / MANIFEST).unlink()
    assert viewer_types(environments) == before


def test_netron_comes_by_an_entry_point_as_other_plug_ins_do() -> None:
    (entry,) = [each for each in entry_points(group=registry.GROUP) if each.name == "netron"]
    assert isinstance(entry, EntryPoint)
    assert entry.load()().name == "netron"
