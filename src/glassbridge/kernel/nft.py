"""nftables through libnftables.so.1 (GPL-2.0, loaded at run time, not linked): nft's own parser.

A kept context costs no exec and no start-up: a transaction takes a tenth of a millisecond instead
of sixteen.
"""

import ctypes
import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any

from glassbridge.errors import KernelRefused, Unavailable
from glassbridge.kernel.nft_elements import Change, Changes, ElementSocket, is_carried
from glassbridge.model.firewall import Element, Family
from glassbridge.plan.nft_script import add_script, get_script, remove_script, value_text

_LIBRARY = "libnftables.so.1"
_STDERR = 2
# nftables/libnftables.h
_ATTEMPTS = 3
_OUTPUT_HANDLE, _OUTPUT_JSON, _OUTPUT_TERSE = 1 << 3, 1 << 4, 1 << 11
_ERRNO_BY_TEXT = {os.strerror(code): code for code in errno.errorcode}


class Nft:
    """One nft context, of the network namespace of the thread that made it; any thread may use it.

    The kernel keeps a context's netlink socket in the namespace where it was opened.
    """

    def __init__(self) -> None:
        self._library = _load()
        self._lock = Lock()
        self._elements = ElementSocket()
        self._context: int | None = self._library.nft_ctx_new(0)
        if not self._context:
            self._elements.close()
            raise Unavailable("libnftables gives no context: out of memory")
        self._library.nft_ctx_buffer_output(self._context)
        self._library.nft_ctx_buffer_error(self._context)

    def close(self) -> None:
        """Free the context; a second time does nothing."""
        with self._lock:
            if self._context:
                self._library.nft_ctx_free(self._context)
                self._context = None
                self._elements.close()

    def run(self, script: str) -> None:
        """Carry out a script as one transaction: all of it or nothing.

        Raises KernelRefused with nft's own message, also where nft itself could not read it.
        """
        self._run(script, 0)

    def change(self, changes: Changes) -> None:
        """Put elements in and take them out, in order, as one transaction: all of it or nothing.

        Adding what is there with the same value, and removing what is not there, is success.
        Raises KernelRefused. Without prefixes among them this costs a fifth of the same script.
        """
        if not all(is_carried(e) for _, elements in changes for e in elements):
            scripts = {Change.ADD: add_script, Change.REMOVE: remove_script}
            self.run("".join(scripts[change](elements) for change, elements in changes))
            return
        with self._lock:
            self._elements.change(changes)

    def list_json(self, what: str, *, terse: bool = False) -> Any:  # noqa: ANN401 - nft's own JSON, schema version 1
        """`nft -j list WHAT`: the objects under the key `nftables`, without the preamble.

        Terse leaves the elements of sets where they are, which saves most of the time.
        """
        flags = _OUTPUT_JSON | (_OUTPUT_TERSE if terse else 0)
        for _ in range(_ATTEMPTS):
            text = self._run(f"list {what}\n", flags)
            try:
                found = json.loads(text)["nftables"] if text else []
            except json.JSONDecodeError:  # nft 1.0.6 broke off amid a list, once in thousands
                continue
            return [o for o in found if "metainfo" not in o]
        raise KernelRefused(f"list {what}", errno.EAGAIN, "what nft prints breaks off")

    def list_text(self, what: str) -> str:
        """`nft -a -t list WHAT`: as a person reads it, with handles, without elements."""
        with _quiet():
            return self._run(f"list {what}\n", _OUTPUT_HANDLE | _OUTPUT_TERSE)

    def holds(self, element: Element) -> bool:
        """Whether an element is there, with its value; raises KernelRefused for other reasons."""
        try:
            found = self._run(get_script(element), 0)
        except KernelRefused as error:
            if error.errno == errno.ENOENT:
                return False
            raise
        return value_text(element) in found

    def has_table(self, family: Family, name: str) -> bool:
        """Whether a table is there; raises KernelRefused where nftables does not work."""
        with self._lock:
            return self._elements.has_table(family, name)

    def generation(self) -> int:
        """The ruleset's generation: it changes with every transaction, whoever made it."""
        with self._lock:
            return self._elements.generation()

    def _run(self, script: str, flags: int) -> str:
        library = self._library
        with self._lock:
            if not self._context:
                raise Unavailable("the nft context is closed")
            library.nft_ctx_output_set_flags(self._context, flags)
            failed = library.nft_run_cmd_from_buffer(self._context, script.encode())
            # reading a buffer also empties it
            output = library.nft_ctx_get_output_buffer(self._context) or b""
            complaint = library.nft_ctx_get_error_buffer(self._context) or b""
        if failed:
            raise _refused(complaint.decode(errors="backslashreplace"))
        return str(output.decode(errors="backslashreplace"))


@contextmanager
def _quiet() -> Iterator[None]:
    """Without stderr: there nft says which targets of iptables it cannot print (src/xt.c)."""
    try:
        kept = os.dup(_STDERR)
    except OSError:  # it is closed
        yield
        return
    null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    os.dup2(null, _STDERR)
    try:
        yield
    finally:
        os.dup2(kept, _STDERR)
        os.close(null)
        os.close(kept)


def _refused(complaint: str) -> KernelRefused:
    """`Error: Could not process rule: File exists`, then a line of the script.

    nft 1.0.6 always shows a buffer's first line there, whichever it was: it is not passed on.
    """
    first = complaint.strip().partition("\n")[0]
    message = first.partition("Error: ")[2] or first or "nft gave no reason"
    code = _ERRNO_BY_TEXT.get(message.rpartition(": ")[2], errno.EINVAL)
    hint = "run as root, or inside: glassbridge lab" if code == errno.EPERM else ""
    return KernelRefused("change the firewall", code, message, hint=hint)


@cache
def _load() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(_LIBRARY)
    except OSError as error:
        raise Unavailable(
            f"cannot load libnftables: {error}", hint="apt install libnftables1"
        ) from error
    context = ctypes.c_void_p
    for name, result, arguments in (
        ("nft_ctx_new", context, [ctypes.c_uint32]),
        ("nft_ctx_free", None, [context]),
        ("nft_ctx_buffer_output", ctypes.c_int, [context]),
        ("nft_ctx_buffer_error", ctypes.c_int, [context]),
        ("nft_ctx_get_output_buffer", ctypes.c_char_p, [context]),
        ("nft_ctx_get_error_buffer", ctypes.c_char_p, [context]),
        ("nft_ctx_output_set_flags", None, [context, ctypes.c_uint]),
        ("nft_run_cmd_from_buffer", ctypes.c_int, [context, ctypes.c_char_p]),
    ):
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
    return library
