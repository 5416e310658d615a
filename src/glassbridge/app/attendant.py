"""Waits for a child, hands on the signals that are meant for it, and returns its exit code."""

import ctypes
import os
import signal
import time
from collections.abc import Mapping, Sequence

_PR_SET_PDEATHSIG = 1
_FROM_KERNEL = 0x80  # SI_KERNEL: Ctrl-C on the terminal, which the child has got as well
_HANDED_ON = frozenset((signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT))
_FATAL = frozenset((signal.SIGTERM, signal.SIGHUP))
_GRACE_SECONDS = 2.0
_SIGNALLED = 128

Mask = frozenset[int]


def block_signals() -> Mask:
    """Hold back what will be waited for; returns the mask to give back to a child."""
    return frozenset(signal.pthread_sigmask(signal.SIG_BLOCK, {*_HANDED_ON, signal.SIGCHLD}))


def attend(child: int, mask: Mask) -> int:
    """Wait for a child after block_signals(); its exit code, 128 + n if killed by signal n."""
    try:
        while True:
            received = signal.sigwaitinfo({*_HANDED_ON, signal.SIGCHLD})
            if received.si_signo == signal.SIGCHLD:
                ended, status = os.waitpid(child, os.WNOHANG)
                if ended:
                    return _exit_code(status)
            elif received.si_code != _FROM_KERNEL:
                os.kill(child, received.si_signo)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def attend_as_init(program: str, words: Sequence[str], environment: Mapping[str, str]) -> int:
    """As pid 1: run a program, bury every orphan, and return with the program's exit code.

    A program that does not end soon after SIGTERM or SIGHUP (an interactive shell) is left to the
    kernel, which kills it when we exit.
    """
    child = os.fork()
    if child == 0:
        _become(program, words, environment)
    deadline: float | None = None
    reason = signal.SIGTERM
    while True:
        patience = None if deadline is None else deadline - time.monotonic()
        received = _wait_for_signal(patience)
        if received is None:
            return _SIGNALLED + reason
        if received.si_signo == signal.SIGCHLD:
            code = _bury(child)
            if code is not None:
                return code
        elif received.si_code != _FROM_KERNEL:
            os.kill(child, received.si_signo)
            if received.si_signo in _FATAL:
                deadline = time.monotonic() + _GRACE_SECONDS
                reason = signal.Signals(received.si_signo)


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends, however it does."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _become(program: str, words: Sequence[str], environment: Mapping[str, str]) -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for ignored_by_python in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored_by_python, signal.SIG_DFL)
    try:
        os.execve(program, list(words), environment)  # noqa: S606 - what the caller asked for
    except OSError as error:
        os.write(2, f"error: {program}: {error.strerror}\n".encode())
        os._exit(126)


def _wait_for_signal(seconds: float | None) -> signal.struct_siginfo | None:
    awaited = {*_HANDED_ON, signal.SIGCHLD}
    if seconds is None:
        return signal.sigwaitinfo(awaited)
    return signal.sigtimedwait(awaited, max(seconds, 0))


def _bury(child: int) -> int | None:
    """Reap all that has ended; the exit code if the child is among them."""
    code = None
    while True:
        try:
            ended, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return code
        if ended == 0:
            return code
        if ended == child:
            code = _exit_code(status)


def _exit_code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else _SIGNALLED - code
