#!/usr/bin/python3 -IS
"""The same as plugin.c, where no C compiler was; modules beyond the built-in ones cost 10 ms."""

import posix
from _socket import AF_UNIX, SOCK_STREAM, socket

START = b"/etc/glassbridge/start-daemon"
RUN = b"/run/glassbridge"
SPACE = 0x20
WORDS: dict[bytes, bytes] = posix.environ
ARGUMENTS: list[bytes] = []


class Failed(Exception):
    """What the runtime shall be told, and why."""


def run() -> int:
    """Carry the request to the daemon and the answer back; the exit code."""
    name, *ARGUMENTS[:] = read_all(posix.open(b"/proc/self/cmdline", 0)).split(b"\0")[2:-1]
    is_cni = name.endswith(b"/glassbridge-cni")
    if is_cni and not WORDS.get(b"CNI_COMMAND"):
        posix.write(2, b"glassbridge-cni: a CNI plugin; container runtimes call it\n")
        return 0
    stdin = b""
    try:
        stdin = read_input()
        return answer(ask(reach_daemon(), is_cni, stdin))
    except Failed as failed:
        message, details = map(escaped, failed.args)
        if is_cni:
            head = b"{" + version_asked(stdin) + b'"code":11,"msg":"%s","details":"%s"}\n'
            write_all(1, head % (message, details))
        else:
            write_all(1, b'{"error":"%s: %s"}\n' % (message, details))
        return 1
    except BrokenPipeError:
        return 1


def version_asked(stdin: bytes) -> bytes:
    """The configuration's own cniVersion as a member, or nothing where that cannot be told."""
    import json  # noqa: PLC0415 - slow to load, and most calls succeed

    try:
        version = json.loads(stdin)["cniVersion"].encode()
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return b""
    return b'"cniVersion":"%s",' % version if version and not version.strip(b"0123456789.") else b""


def read_input() -> bytes:
    """Everything from stdin."""
    try:
        return read_all(0)
    except OSError as error:
        raise Failed(b"stdin cannot be read", str(error).encode()) from None


def reach_daemon() -> socket:
    """Connect to its socket, started if that is wished and needed."""
    path = (WORDS.get(b"GLASSBRIDGE_RUN_DIR") or run_folder()) + b"/glassbridge.sock"
    daemon = socket(AF_UNIX, SOCK_STREAM)
    try:
        try:
            daemon.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            if not start_daemon():
                raise
            daemon.connect(path)
    except OSError as error:
        why = path + b": " + (error.strerror or str(error)).encode()
        raise Failed(out_of_reach(), why) from None
    return daemon


def run_folder() -> bytes:
    """As app/paths.py: a network namespace other than that of pid 1 has a daemon of its own."""
    try:
        first, ours = (posix.stat(b"/proc/%s/net/dev" % which) for which in (b"1", b"self"))
    except OSError:  # pid 1 is hidden
        return RUN
    if (first.st_dev, first.st_ino) == (ours.st_dev, ours.st_ino):
        return RUN
    return RUN + b"/%d" % posix.stat(b"/proc/self/ns/net").st_ino


def start_daemon() -> bool:
    """Run what an administrator put there: what it starts lives in the runtime's cgroup."""
    if not posix.access(START, posix.X_OK):
        return False
    quiet = [
        (posix.POSIX_SPAWN_OPEN, 0, b"/dev/null", posix.O_RDONLY, 0),
        (posix.POSIX_SPAWN_OPEN, 1, b"/dev/null", posix.O_WRONLY, 0),
    ]
    child = posix.posix_spawn(START, [START], WORDS, file_actions=quiet)
    return posix.waitpid(child, 0)[1] == 0


def out_of_reach() -> bytes:
    """Say why nobody may be there."""
    if read_all(posix.open(b"/proc/self/uid_map", 0)).split() != [b"0", b"0", b"4294967295"]:
        return b"glassbridge serves no rootless containers: it changes the host's network"
    return (
        b"no glassbridge daemon answers; start it (systemctl enable --now glassbridge.socket, "
        b"or: glassbridge up) and try again"
    )


def ask(daemon: socket, is_cni: bool, stdin: bytes) -> socket:
    """Send the request."""
    words = ARGUMENTS
    if is_cni:
        words = [key + b"=" + word for key, word in WORDS.items() if key[:4] == b"CNI_"]
    body = b"".join([word + b"\0" for word in words]) + b"\0" + stdin
    head = b"POST /%s HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: %d"
    head %= (b"cni" if is_cni else b"netavark", len(body))
    try:  # noqa: SIM105 - contextlib is slow to load
        daemon.sendall(head + b"\r\n\r\n" + body)
    except (BrokenPipeError, ConnectionResetError):
        pass  # it may refuse, and close, before it has heard all
    return daemon


def answer(daemon: socket) -> int:
    """Pass on what came; the exit code."""
    why = b"its log tells why"
    try:
        got = read_all(daemon.fileno())
    except OSError as error:
        got, why = b"", str(error).encode()
    head, end, body = got.partition(b"\r\n\r\n")
    headers = dict([line.split(b": ", 1) for line in head.split(b"\r\n")[1:]] if end else ())
    if headers.get(b"content-length") != b"%d" % len(body):
        raise Failed(b"the glassbridge daemon ended before it had answered; try again", why)
    if b"stderr-length" not in headers:
        raise Failed(b"the glassbridge daemon refused", body)
    said = len(body) - int(headers[b"stderr-length"])
    write_all(1, body[:said])
    write_all(2, body[said:])
    return int(headers[b"exit-code"])


def read_all(descriptor: int) -> bytes:
    """Everything that can be read."""
    chunks = []
    while chunk := posix.read(descriptor, 65536):
        chunks.append(chunk)
    return b"".join(chunks)


def write_all(descriptor: int, what: bytes) -> None:
    """Write all of it."""
    while what:
        what = what[posix.write(descriptor, what) :]


def escaped(text: bytes) -> bytes:
    """Make bytes fit into a JSON string."""
    plain = [b"\\u%04x" % c if c < SPACE or c in b'"\\' else b"%c" % c for c in text]
    return b"".join(plain)


posix._exit(run())  # noqa: SLF001 - sys.exit takes 1 ms to tidy up
