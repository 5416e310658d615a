"""A daemon that may die: a part of its life in a process of its own."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable


def dies(live: Callable[[], None]) -> bool:
    """Live in a child; false when it came to its end, true when it killed itself.

    A fork: a new interpreter for each of some hundred steps would take minutes. No engine may be
    open, since its threads do not come along.
    """
    child = os.fork()
    if child == 0:
        code = 1
        try:
            live()
            code = 0
        except BaseException:  # noqa: BLE001 - nothing of the test's process may go on in here
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, -signal.SIGKILL)
    return code != 0
