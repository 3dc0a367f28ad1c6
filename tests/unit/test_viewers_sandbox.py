"""What a confined viewer sees, and which system calls it may make."""

import struct

import pytest

from belvedere.cli import diagnosis
from belvedere.cli.diagnosis import Level
from belvedere.host import walls
from belvedere.host.walls import Walls
from belvedere.server import main
from belvedere.server.settings import Settings, SettingsError
from belvedere.viewers.sandbox import calls
from belvedere.viewers.sandbox.plan import Confinement, Machine, Place, Show, places, survey

MACHINE = Machine(places=("/usr", "/usr/lib/python3", "/opt/service/venv", "/etc/ld.so.cache"), links={})


def seen(*logs: str, hidden: tuple[str, ...] = ()) -> list[Place]:
    return places(Confinement(logs=logs, work="/run/scratch/1", kept=(), hidden=hidden), MACHINE)


def test_programs_and_logs_are_seen_and_nothing_twice() -> None:
    found = [(place.path, place.show) for place in seen("/data/mirror/logs")]
    programs = [(path, Show.READ_ONLY) for path in ("/usr", "/etc/ld.so.cache", "/opt/service/venv")]
    assert sorted(found, key=str) == sorted([*programs, ("/data/mirror/logs", Show.LOGS)], key=str)


def test_what_is_hidden_needs_no_cover_where_nothing_around_it_is_seen() -> None:
    assert all(place.show is not Show.NOTHING for place in seen("/data/mirror/logs", hidden=("/data",)))


@pytest.mark.parametrize("folder", ["/opt/service/venv/data", "/usr/data"])
def test_a_data_folder_inside_of_what_is_seen_is_covered_and_the_mirror_seen_in_it(folder: str) -> None:
    found = seen(f"{folder}/mirror/logs", hidden=(folder,))
    assert [(place.path, place.show) for place in found if folder in place.path] == [
        (folder, Show.NOTHING),
        (f"{folder}/mirror/logs", Show.LOGS),
    ]


def test_a_data_folder_inside_of_logs_is_covered() -> None:
    assert Place("/home/me/data", Show.NOTHING, is_inside=True) in seen("/home/me", hidden=("/home/me/data",))


def test_programs_inside_of_logs_can_still_be_executed() -> None:
    assert Place("/opt/service/venv", Show.READ_ONLY, is_inside=True) in seen("/opt")


def test_a_folder_is_not_taken_for_one_whose_name_begins_alike() -> None:
    assert Place("/usr2/logs", Show.LOGS) in seen("/usr2/logs")


def test_the_whole_machine_is_never_among_what_programs_need() -> None:
    assert "/" not in survey(["/", ""]).places


def test_each_viewer_becomes_another_user_until_all_have_had_their_turn() -> None:
    users = [Walls(users=(100, 102)).user_of(number) for number in range(4)]
    assert (sorted(users[:3], key=str), users[3]) == ([100, 101, 102], users[0])


def test_without_users_set_aside_a_viewer_stays_who_it_is() -> None:
    assert Walls().user_of(1) is None


@pytest.mark.parametrize(
    ("uid_map", "exists"), [("0 0 4294967295", True), ("0 100000 65536", False), ("0 0 1\n1 100000 65536\n", False)]
)
def test_users_are_such_as_exist_in_this_user_namespace(uid_map: str, exists: bool) -> None:
    assert walls._exists(walls.USERS[1], uid_map) is exists


# The filter of system calls, run by hand

EPERM, ENOSYS, ALLOWED = 0x00050001, 0x00050026, 0x7FFF0000


def judged(number: int, argument: int = 0, machine: str = "x86_64", found: int | None = None) -> int:
    """What the program answers to a call: an interpreter of the few instructions that it has."""
    program = calls.program(machine)
    assert program is not None
    data = {0: number, 4: found or calls.MACHINES[machine], 16: argument}
    steps = list(struct.iter_unpack("HBBI", program))
    at = loaded = 0
    while True:
        code, yes, no, operand = steps[at]
        at += 1
        match code:
            case 0x20:
                loaded = data[operand]
            case 0x06:
                return int(operand)
            case _:
                tests = {0x15: loaded == operand, 0x35: loaded >= operand, 0x45: bool(loaded & operand)}
                at += yes if tests[code] else no


@pytest.mark.parametrize(
    ("number", "argument", "answer"),
    [
        (0, 0, ALLOWED),  # read
        (101, 0, EPERM),  # ptrace
        (165, 0, EPERM),  # mount
        (272, 0, EPERM),  # unshare
        (435, 0, ENOSYS),  # clone3
        (56, 0x003D0F00, ALLOWED),  # clone, as for a thread
        (56, 0x10000011, EPERM),  # clone into a user namespace
        (41, 1, ALLOWED),  # socket of the file system
        (41, 10, ALLOWED),
        (41, 40, EPERM),  # socket to the machine around this one
        (0x40000000, 0, EPERM),  # a call in another spelling
    ],
)
def test_a_call_is_judged(number: int, argument: int, answer: int) -> None:
    assert judged(number, argument) == answer


def test_a_call_of_another_kind_of_machine_is_refused() -> None:
    assert judged(0, found=0x40000003) == EPERM


def test_arm_has_numbers_of_its_own() -> None:
    assert (judged(40, machine="aarch64"), judged(165, machine="aarch64")) == (EPERM, ALLOWED)


def test_an_unknown_machine_has_no_program() -> None:
    assert calls.program("vax") is None


# What an operator wants


def test_users_are_a_range_without_root() -> None:
    assert (walls.parse_users("60600-61099"), walls.parse_users("")) == ((60600, 61099), None)


@pytest.mark.parametrize("text", ["0-5", "5", "9-5", "a-b", "1-4294967295"])
def test_what_is_no_range_of_users_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="60600-61099"):
        walls.parse_users(text)


def test_a_service_that_requires_walls_does_not_start_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "what_is_lacking", lambda users: "a network of its own: Operation not permitted")
    main._check_walls(Settings())
    with pytest.raises(SettingsError, match="a network of its own: Operation not permitted"):
        main._check_walls(Settings(require_sandbox=True))


@pytest.mark.parametrize(
    ("lacking", "required", "level"),
    [("", True, Level.OK), ("few system calls: no", False, Level.WARN), ("few system calls: no", True, Level.FAIL)],
)
def test_doctor_says_which_walls_are_lacking(lacking: str, required: bool, level: Level) -> None:
    found = diagnosis.of_walls(lacking, required=required)
    assert (found.level, lacking in found.text) == (level, True)
