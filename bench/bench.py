"""Measure attach against the kernel's own floor, trace against ten tools, names against dnsmasq.

All in a world of its own: the host is left first, for a network and a mount namespace that end with
this process; `bench.session` takes over there.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LEAVE = ("unshare", "--net", "--mount", "--propagation", "private")
LEAVE_AS_A_USER = ("--user", "--map-root-user")


def main() -> None:
    as_a_user = () if os.geteuid() == 0 else LEAVE_AS_A_USER
    session = (sys.executable, "-m", "bench.session", *sys.argv[1:])
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    os.chdir(ROOT)
    os.execvpe(LEAVE[0], (*LEAVE, *as_a_user, *session), environment)


if __name__ == "__main__":
    main()
