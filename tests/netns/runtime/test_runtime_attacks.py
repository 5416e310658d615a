"""What a container must not be able to do to the host, tried as root inside it."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest
from tests.netns.runtime.containers import container_of, outcome, running

from glassbridge.model.container import Mount
from glassbridge.runtime.enter import enter
from glassbridge.runtime.runtime import Runtime

IS_REAL_ROOT = Path("/proc/self/uid_map").read_text().split() == ["0", "0", "4294967295"]
needs_root = pytest.mark.skipif(not IS_REAL_ROOT, reason="needs root outside of a user namespace")


@pytest.mark.parametrize(
    "attack",
    [
        "mount -o remount,rw /",
        "mount -o remount,rw,bind /usr",
        "mount -o remount,rw /proc/sys",
        "umount /proc/sys",
        "umount -l /usr",
        "mount -t tmpfs tmpfs /tmp",
        "mount -t proc proc /tmp",
        "mount --bind /usr /tmp",
        "touch /usr/planted",
        "touch /etc/planted",
        "touch /planted",
        "chmod 777 /etc/passwd",
        "echo planted > /proc/sys/kernel/core_pattern",
        "echo 1 > /proc/sys/net/ipv4/ip_forward",
        "echo 1 > /proc/irq/default_smp_affinity",
        "echo b > /proc/sysrq-trigger",
        "echo 1 > /sys/kernel/mm/ksm/run",
        "mkdir /sys/fs/cgroup/planted",
        "unshare --user true",
        "unshare --mount true",
        "nsenter --net=/proc/1/ns/net true",
        "ip link add planted type bridge",
        "ip addr add 10.99.0.1/24 dev lo",
        "hostname planted",
        "date -s 2001-01-01",
        "chroot /proc/1/root mount -t tmpfs tmpfs /tmp",
        "cat /proc/kcore",
        "dmesg",
    ],
)
def test_attack_fails(runtime: Runtime, netns: str, attack: str) -> None:
    box = container_of(f"if {attack} >/dev/null; then echo succeeded; fi; echo alive")
    code, text = outcome(runtime, box, netns)
    assert code == 0
    assert "alive" in text
    assert "succeeded" not in text, text


@pytest.mark.parametrize(
    "attack",
    [
        "mount -t tmpfs tmpfs /tmp",
        "mount -o remount,rw,bind /run",
        "echo 1 > /proc/sys/net/ipv4/ip_forward",
        "unshare --mount true",
        "ip link add planted type bridge",
        "hostname planted",
    ],
)
def test_attack_is_real(runtime: Runtime, netns: str, attack: str) -> None:
    """The same words work where they may, within the container's own namespaces."""
    assert outcome(runtime, container_of(attack, privileged=True), netns) == (0, "")


@needs_root
def test_block_device_cannot_be_opened(runtime: Runtime, netns: str) -> None:
    """CAP_MKNOD is one of Docker's 14, so the node can be made; no mount lets it be opened."""
    number = _a_block_device()
    script = f"mknod /tmp/disk b {number} && echo made; head -c 512 /tmp/disk | wc -c"
    _, text = outcome(runtime, container_of(script), netns)
    assert "made" in text
    assert "Permission denied" in text
    assert text.splitlines()[-1] == "0"


@needs_root
def test_block_device_cannot_be_opened_in_a_volume_or_own_rootfs(
    runtime: Runtime, netns: str, tmp_path: Path
) -> None:
    number = _a_block_device()
    script = f"mknod /data/disk b {number}; head -c 512 /data/disk | wc -c"
    mounts = (Mount(source=str(tmp_path), target="/data"),)
    _, text = outcome(runtime, container_of(script, mounts=mounts), netns)
    assert "Permission denied" in text
    assert stat.S_ISBLK((tmp_path / "disk").stat().st_mode)


def test_host_devices_are_not_there(runtime: Runtime, netns: str) -> None:
    _, text = outcome(runtime, container_of("ls /dev"), netns)
    known = "core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero"
    assert set(text.split()) <= set(known.split())


def test_bubblewrap_itself_cannot_be_replaced(runtime: Runtime, netns: str) -> None:
    """CVE-2019-5736: who gets hold of /proc/PID/exe must find it on a read-only mount.

    Without that the answer is ETXTBSY, which ends with the last process that runs it.
    """
    with (
        running(runtime, container_of("sleep 60"), netns) as box,
        pytest.raises(OSError, match="Read-only") as refused,
    ):
        os.open(f"/proc/{box.pid}/exe", os.O_WRONLY | os.O_TRUNC)
    assert refused.value.errno == errno.EROFS


def test_entering_interpreter_cannot_be_replaced(
    runtime: Runtime, netns: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The same through `exec`: the script's interpreter is whatever entered the container."""
    script = tmp_path / "entry"
    script.write_text(
        "#!/proc/self/exe\n"
        "import os\n"
        "try: os.open('/proc/self/exe', os.O_WRONLY | os.O_TRUNC)\n"
        "except OSError as error: print(os.getuid(), error.strerror)\n"
    )
    script.chmod(0o755)
    mounts = (Mount(source=str(tmp_path), target="/data"),)
    with running(runtime, container_of("sleep 60", mounts=mounts), netns) as box:
        enter(runtime, box, ["/data/entry"])
    assert capfd.readouterr().out == "0 Read-only file system\n"


def _a_block_device() -> str:
    """Major and minor of a disk that we could read here."""
    names = sorted(Path("/sys/block").iterdir(), key=lambda p: p.name.startswith(("zram", "loop")))
    if not names:
        pytest.skip("this host has no block device")
    return (names[0] / "dev").read_text().strip().replace(":", " ")
