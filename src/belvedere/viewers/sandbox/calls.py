"""The system calls that a viewer has no use for, as a BPF program. Pure.

Without rights hardly any of them would succeed; but each is a door into the kernel, and user namespaces give rights
anew. What is refused answers EPERM, so that programs go on without.

Sources: seccomp(2), linux/filter.h, linux/audit.h; numbers from the kernel's tables of system calls.
"""

import struct
from collections.abc import Iterable
from typing import Final

MACHINES: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # AUDIT_ARCH_…
_X32: Final = 0x40000000  # x86-64 calls from 32-bit programs have numbers from here on
_REFUSED: Final = {  # by name: number on x86-64, on ARM
    "ptrace": (101, 117),
    "syslog": (103, 116),
    "personality": (135, 92),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "acct": (163, 89),
    "mount": (165, 40),
    "umount2": (166, 39),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "init_module": (175, 105),
    "delete_module": (176, 106),
    "quotactl": (179, 60),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "kexec_load": (246, 104),
    "unshare": (272, 97),
    "perf_event_open": (298, 241),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "setns": (308, 268),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "finit_module": (313, 273),
    "kexec_file_load": (320, 294),
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "pidfd_getfd": (438, 438),
    "mount_setattr": (442, 442),
}
_CLONE: Final = (56, 220)
_CLONE3: Final = (435, 435)  # its flags can't be looked at; programs take clone when there is no clone3
_SOCKET: Final = (41, 198)
_NAMESPACES: Final = 0x7E020000  # CLONE_NEW…
_FAMILIES: Final = (1, 2, 10, 16)  # AF_UNIX, AF_INET, AF_INET6, AF_NETLINK: what is bounded by a namespace
_EPERM: Final = 1
_ENOSYS: Final = 38

_LOAD, _JUMP_EQUAL, _JUMP_OVER, _JUMP_ANY, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000
_NUMBER, _MACHINE, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, operand


def program(machine: str) -> bytes | None:
    """For the kernel; None for a machine whose numbers are not known here."""
    if machine not in MACHINES:
        return None
    column = list(MACHINES).index(machine)
    refused = [numbers[column] for numbers in _REFUSED.values()]
    instructions: list[Instruction] = [
        (_LOAD, 0, 0, _MACHINE),
        (_JUMP_EQUAL, 1, 0, MACHINES[machine]),
        _answer(_REFUSE | _EPERM),
        (_LOAD, 0, 0, _NUMBER),
        (_JUMP_OVER, 0, 1, _X32),
        _answer(_REFUSE | _EPERM),
        *_when(_CLONE3[column], [_answer(_REFUSE | _ENOSYS)]),
        *_when(_CLONE[column], _judge_clone()),
        *_when(_SOCKET[column], _judge_socket()),
        *(each for number in refused for each in _when(number, [_answer(_REFUSE | _EPERM)])),
        _answer(_ALLOW),
    ]
    return _packed(instructions)


def _answer(what: int) -> Instruction:
    return (_RETURN, 0, 0, what)


def _when(number: int, then: list[Instruction]) -> list[Instruction]:
    return [(_JUMP_EQUAL, 0, len(then), number), *then]


def _judge_clone() -> list[Instruction]:
    judge = (_JUMP_ANY, 0, 1, _NAMESPACES)
    return [(_LOAD, 0, 0, _FIRST_ARGUMENT), judge, _answer(_REFUSE | _EPERM), _answer(_ALLOW)]


def _judge_socket() -> list[Instruction]:
    count = len(_FAMILIES)
    tests = [(_JUMP_EQUAL, count - place, 0, family) for place, family in enumerate(_FAMILIES)]
    return [(_LOAD, 0, 0, _FIRST_ARGUMENT), *tests, _answer(_REFUSE | _EPERM), _answer(_ALLOW)]


def _packed(instructions: Iterable[Instruction]) -> bytes:
    return b"".join(struct.pack("HBBI", *each) for each in instructions)
