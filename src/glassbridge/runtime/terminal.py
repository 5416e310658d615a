"""A pseudo-terminal between a person's terminal and a program in a container."""

import fcntl
import os
import select
import signal
import struct
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from glassbridge.errors import InvalidRequest, KernelRefused

# asm-generic/ioctls.h: unlock the other side; open it without a path
_TIOCSPTLCK, _TIOCGPTPEER = 0x40045431, 0x5441
_KEYBOARD, _SCREEN = 0, 1
_CHUNK = 1 << 16


def check_terminal() -> None:
    """Raise InvalidRequest where nobody could type: `-t` with redirected input."""
    if not os.isatty(_KEYBOARD):
        raise InvalidRequest("standard input is not a terminal", hint="leave out -t")


def open_pty(devpts: str = "/dev/pts") -> tuple[int, int]:
    """Open a pair (master, slave) that belongs to a mounted devpts; the caller closes both."""
    try:
        master = os.open(f"{devpts}/ptmx", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        fcntl.ioctl(master, _TIOCSPTLCK, struct.pack("i", 0))
        flags = os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC
        return master, fcntl.ioctl(master, _TIOCGPTPEER, flags)
    except OSError as error:
        raise KernelRefused(f"open a terminal in {devpts}", error.errno or 0) from error


def relay(master: int, ended: int) -> None:
    """Connect our terminal to `master` until the descriptor `ended` is readable (a pidfd).

    Our terminal is raw meanwhile, so Ctrl-C and its like go to the program; changes of the
    window's size, too.
    """
    with _raw(), _size_followed(master):
        poll = select.poll()
        for descriptor in (_KEYBOARD, master, ended):
            poll.register(descriptor, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _event in poll.poll()}
            if _KEYBOARD in ready:
                typed = os.read(_KEYBOARD, _CHUNK)
                if typed:
                    _write(master, typed)
                else:
                    poll.unregister(_KEYBOARD)
            if master in ready and not _copy(master):
                poll.unregister(master)  # every slave is closed; the program's end follows
            if ended in ready:
                _drain(master)
                return


@contextmanager
def _raw() -> Iterator[None]:
    before = termios.tcgetattr(_KEYBOARD)
    tty.setraw(_KEYBOARD)
    try:
        yield
    finally:
        termios.tcsetattr(_KEYBOARD, termios.TCSADRAIN, before)


@contextmanager
def _size_followed(master: int) -> Iterator[None]:
    def copy_size(*_: object) -> None:
        size = fcntl.ioctl(_KEYBOARD, termios.TIOCGWINSZ, bytes(8))
        fcntl.ioctl(master, termios.TIOCSWINSZ, size)

    copy_size()
    before = signal.signal(signal.SIGWINCH, copy_size)
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)


def _copy(master: int) -> bool:
    try:
        output = os.read(master, _CHUNK)
    except OSError:  # EIO: no slave is open
        return False
    _write(_SCREEN, output)
    return bool(output)


def _drain(master: int) -> None:
    """Show what was written last, but wait for nobody who still holds the slave."""
    os.set_blocking(master, False)
    with suppress(BlockingIOError):
        while _copy(master):
            pass


def _write(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]
