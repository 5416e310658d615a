"""What is committed is there after any death, and nothing else is."""

import os
import select
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Interface, IPv6Interface, ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from glassbridge.errors import Conflict, PermissionRefused, Unavailable
from glassbridge.model.address import Mac
from glassbridge.model.container import Container, ContainerSpec
from glassbridge.model.endpoint import Endpoint, EndpointId, Sandbox, SandboxId
from glassbridge.model.network import Ifname, Network, NetworkId, Subnet
from glassbridge.store.store import Store

BOOT, COOKIE = "3f8e6f0a-boot", 7

NETWORK = Network(
    id=NetworkId("aa" * 32),
    name="backend",
    bridge=Ifname("gb-aaaaaaaa"),
    bridge_mac=Mac("02:42:00:00:00:01"),
    ipv4=Subnet(prefix=ip_network("172.18.0.0/16"), gateway=IPv4Address("172.18.0.1")),
    labels={"team": "ünïcode"},
)


def sandbox(number: int) -> Sandbox:
    return Sandbox(
        id=SandboxId(f"{number:064x}"), name=f"web-{number}", netns=f"/n/{number}", netns_cookie=9
    )


def endpoint(number: int) -> Endpoint:
    return Endpoint(
        id=EndpointId(f"{number:064x}"),
        network=NETWORK.id,
        sandbox=SandboxId(f"{number:064x}"),
        ifname=Ifname("eth0"),
        host_end=Ifname(f"veth{number:07x}"),
        mac=Mac("02:42:ac:12:00:02"),
        host_mac=Mac("02:42:ac:12:00:03"),
        ipv4=IPv4Interface(f"172.18.{number // 256}.{number % 256}/16"),
    )


def container(number: int) -> Container:
    return Container(
        id=SandboxId(f"{number:064x}"),
        name=f"web-{number}",
        spec=ContainerSpec(rootfs="/", command=("nginx", "-g"), environment={"TOKEN": "s3cret"}),
    )


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "run", tmp_path / "state"


@pytest.fixture
def store(folders: tuple[Path, Path]) -> Iterator[Store]:
    with Store.open(*folders, BOOT, COOKIE) as opened:
        yield opened


def test_every_entity_comes_back_as_it_was(store: Store, folders: tuple[Path, Path]) -> None:
    store.put_network(NETWORK)
    store.put_sandbox(sandbox(2))
    store.put_endpoint(endpoint(2))
    store.put_container(container(2))
    store.set_setting("net.ipv4.ip_forward", "0")
    store.close()
    with Store.open(*folders, BOOT, COOKIE) as again:
        assert again.list_networks() == (NETWORK,)
        assert again.list_sandboxes() == (sandbox(2),)
        assert again.list_endpoints() == (endpoint(2),)
        assert again.list_containers() == (container(2),)
        assert again.list_settings() == {"net.ipv4.ip_forward": "0"}
        assert again.setting("net.ipv4.ip_forward") == "0"
        assert again.setting("unknown") is None


def test_put_replaces_and_delete_is_repeatable(store: Store) -> None:
    store.put_endpoint(endpoint(2))
    moved = replace(endpoint(2), ipv4=IPv4Interface("172.18.9.9/16"), aliases=("db",))
    store.put_endpoint(moved)
    assert store.list_endpoints() == (moved,)
    store.put_endpoint(endpoint(2))
    store.delete_endpoint(endpoint(2).id)
    store.delete_endpoint(endpoint(2).id)
    assert store.list_endpoints() == ()
    store.put_network(NETWORK)
    store.delete_network(NETWORK.id)
    store.put_sandbox(sandbox(1))
    store.delete_sandbox(sandbox(1).id)
    store.put_container(container(1))
    store.delete_container(container(1).id)
    assert (store.list_networks(), store.list_sandboxes(), store.list_containers()) == ((), (), ())
    store.set_setting("key", "1")
    store.set_setting("key", "2")
    assert store.setting("key") == "2"
    store.set_setting("key", None)
    assert store.list_settings() == {}


six = replace(endpoint(3), ipv6=IPv6Interface("fd00::3/64"))


@pytest.mark.parametrize(
    ("first", "second", "columns"),
    [
        (endpoint(2), replace(endpoint(3), ipv4=endpoint(2).ipv4), "endpoints.network, .*ipv4"),
        (six, replace(endpoint(4), ipv6=six.ipv6), "endpoints.network, .*ipv6"),
        (endpoint(2), replace(endpoint(3), host_end=endpoint(2).host_end), "endpoints.host_end"),
        (endpoint(2), replace(endpoint(3), sandbox=endpoint(2).sandbox), "sandbox, .*ifname"),
    ],
)
def test_the_database_refuses_a_second_holder(
    store: Store, first: Endpoint, second: Endpoint, columns: str
) -> None:
    store.put_endpoint(first)
    with pytest.raises(Conflict, match=columns):
        store.put_endpoint(second)
    assert store.list_endpoints() == (first,)
    store.delete_endpoint(first.id)
    store.put_endpoint(second)
    assert store.list_endpoints() == (second,)


def test_names_and_bridges_are_unique(store: Store) -> None:
    store.put_network(NETWORK)
    other = NetworkId("bb" * 32)
    with pytest.raises(Conflict, match=r"networks\.name"):
        store.put_network(replace(NETWORK, id=other, bridge=Ifname("gb1")))
    with pytest.raises(Conflict, match=r"networks\.bridge"):
        store.put_network(replace(NETWORK, id=other, name="other"))
    store.put_sandbox(sandbox(1))
    with pytest.raises(Conflict, match=r"sandboxes\.name"):
        store.put_sandbox(replace(sandbox(2), name="web-1"))
    store.put_container(container(1))
    with pytest.raises(Conflict, match=r"containers\.name"):
        store.put_container(replace(container(2), name="web-1"))


def test_endpoints_without_addresses_do_not_collide(store: Store) -> None:
    for number in (1, 2):
        store.put_endpoint(replace(endpoint(number), ipv4=None))
    assert len(store.list_endpoints()) == 2


def test_a_transaction_that_raises_leaves_nothing_in_either_database(store: Store) -> None:
    store.put_endpoint(endpoint(1))
    with pytest.raises(Conflict), store.transaction():  # noqa: PT012 - the block is what is undone
        store.put_network(NETWORK)
        store.delete_endpoint(endpoint(1).id)
        store.set_setting("key", "1")
        with store.transaction():
            store.put_endpoint(endpoint(2))
        store.put_endpoint(replace(endpoint(3), host_end=endpoint(2).host_end))
    assert store.list_networks() == ()
    assert store.list_endpoints() == (endpoint(1),)
    assert store.list_settings() == {}
    with store.transaction():
        store.put_endpoint(endpoint(2))
    assert len(store.list_endpoints()) == 2


def test_other_threads_see_all_of_a_transaction_or_nothing(store: Store) -> None:
    seen: list[tuple[int, int]] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            with store.transaction():
                seen.append((len(store.list_sandboxes()), len(store.list_endpoints())))

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(50):
        with store.transaction():
            store.put_sandbox(sandbox(number))
            store.put_endpoint(endpoint(number))
    stop.set()
    for reader in readers:
        reader.join()
    assert seen
    assert all(sandboxes == endpoints for sandboxes, endpoints in seen)


@pytest.mark.parametrize(("boot", "cookie"), [("another-boot", COOKIE), (BOOT, COOKIE + 1)])
def test_another_boot_or_namespace_starts_empty_but_for_networks(
    store: Store, folders: tuple[Path, Path], boot: str, cookie: int
) -> None:
    store.put_network(NETWORK)
    store.put_endpoint(endpoint(1))
    store.close()
    with Store.open(*folders, boot, cookie) as later:
        assert later.list_networks() == (NETWORK,)
        assert later.list_endpoints() == ()
        left = sorted(path.name for path in folders[0].glob("*.db"))
        assert left == [f"runtime-{boot}-{cookie}.db"]


CHILD = """
import sys, time
from glassbridge.store.store import Store
from test_store import NETWORK, endpoint, sandbox
store = Store.open(sys.argv[1], sys.argv[2], {boot!r}, {cookie})
store.put_network(NETWORK)
with store.transaction():
    store.put_sandbox(sandbox(1)); store.put_endpoint(endpoint(1))
with store.transaction():
    store.delete_network(NETWORK.id)
    store.put_sandbox(sandbox(2)); store.put_endpoint(endpoint(2))
    store.delete_endpoint(endpoint(1).id)
    for number in range(1500):  # more than SQLite keeps in memory: part of it is in the file
        store.set_setting(str(number), "x" * 4000)
    print("in the middle", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def child(folders: tuple[Path, Path]) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the store, in the middle of a transaction."""
    program = textwrap.dedent(CHILD).format(boot=BOOT, cookie=COOKIE)
    paths = [str(Path(__file__).parent), *(p for p in sys.path if p)]
    process = subprocess.Popen(
        [sys.executable, "-c", program, *map(str, folders)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
    assert process.stdout is not None
    assert select.select([process.stdout], [], [], 60)[0]
    assert process.stdout.readline() == "in the middle\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_kill_9_in_the_middle_of_a_transaction_leaves_the_state_before_it(
    child: subprocess.Popen[str], folders: tuple[Path, Path]
) -> None:
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert (folders[0] / f"runtime-{BOOT}-{COOKIE}.db").stat().st_size > 1 << 20
    with Store.open(*folders, BOOT, COOKIE) as store:
        assert store.list_settings() == {}
        assert store.list_networks() == (NETWORK,)
        assert store.list_sandboxes() == (sandbox(1),)
        assert store.list_endpoints() == (endpoint(1),)


def test_a_second_daemon_is_refused_and_told_the_pid_of_the_first(
    child: subprocess.Popen[str], folders: tuple[Path, Path]
) -> None:
    with pytest.raises(Conflict, match=f"pid {child.pid}"):
        Store.open(*folders, BOOT, COOKIE)


def test_either_folder_is_locked_and_let_go(
    store: Store, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    run, state = folders
    for pair in ((tmp_path / "other", state), (run, tmp_path / "other")):
        with pytest.raises(
            Conflict, match=f"in use by another glassbridge daemon, pid {os.getpid()}"
        ):
            Store.open(*pair, BOOT, COOKIE)
    store.close()
    Store.open(run, tmp_path / "other", BOOT, COOKIE).close()
    Store.open(tmp_path / "other", tmp_path / "other", BOOT, COOKIE).close()


def test_only_the_owner_can_read_what_is_stored(store: Store, folders: tuple[Path, Path]) -> None:
    store.put_container(container(1))
    store.put_network(NETWORK)
    for folder in folders:
        assert folder.stat().st_mode & 0o077 == 0
        files = list(folder.iterdir())
        assert len(files) >= 3
        assert all(file.stat().st_mode & 0o077 == 0 for file in files)


@pytest.mark.parametrize("name", ["state/networks.db", f"run/runtime-{BOOT}-{COOKIE}.db"])
def test_a_damaged_database_is_named_with_what_to_do(
    store: Store, folders: tuple[Path, Path], tmp_path: Path, name: str
) -> None:
    store.close()
    (tmp_path / name).write_bytes(b"not a database " * 1000)
    with pytest.raises(Unavailable, match="not a database") as caught:
        Store.open(*folders, BOOT, COOKIE)
    assert str(tmp_path / name) in caught.value.message
    assert "move" in caught.value.hint
    (tmp_path / name).unlink()
    Store.open(*folders, BOOT, COOKIE).close()


def test_damage_inside_a_page_is_found_at_the_start(
    store: Store, folders: tuple[Path, Path]
) -> None:
    for number in range(300):
        store.put_network(
            replace(
                NETWORK,
                id=NetworkId(f"{number:064}"),
                name=f"n{number}",
                bridge=Ifname(f"b{number}"),
            )
        )
    store.close()
    path = folders[1] / "networks.db"
    content = bytearray(path.read_bytes())
    content[4096 + 8 : -1] = bytes(len(content) - 4096 - 9)
    path.write_bytes(content)
    with pytest.raises(Unavailable, match=r"networks\.db"):
        Store.open(*folders, BOOT, COOKIE)


def change(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("PRAGMA user_version = 2", "has layout 2, this version reads 1"),
        ("PRAGMA application_id = 5", "belongs to another program"),
        ("UPDATE networks SET body = '{}'", "a row of networks cannot be read"),
        ("UPDATE networks SET body = '{'", "a row of networks cannot be read"),
    ],
)
def test_a_database_that_is_not_of_this_version_is_refused(
    store: Store, folders: tuple[Path, Path], statement: str, said: str
) -> None:
    store.put_network(NETWORK)
    store.close()
    change(folders[1] / "networks.db", statement)
    with (
        pytest.raises(Unavailable, match=said) as caught,
        Store.open(*folders, BOOT, COOKIE) as again,
    ):
        again.list_networks()
    assert caught.value.hint


def test_a_full_disk_is_told_and_the_state_stays(store: Store) -> None:
    store.put_endpoint(endpoint(1))
    store._run.execute("PRAGMA max_page_count = 1")  # noqa: SLF001 - SQLite's own way to be full
    with pytest.raises(Unavailable, match="full") as caught, store.transaction():  # noqa: PT012 - same
        for number in range(2, 200):
            store.put_endpoint(endpoint(number))
    assert "room" in caught.value.hint
    assert store.list_endpoints() == (endpoint(1),)
    store._run.execute("PRAGMA max_page_count = 100000")  # noqa: SLF001 - same
    with store.transaction():
        store.put_endpoint(endpoint(2))
    assert len(store.list_endpoints()) == 2


def test_folders_that_cannot_be_made_or_opened(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="cannot make folder"):
        Store.open(tmp_path / "file" / "run", tmp_path / "state", BOOT, COOKIE)
    (tmp_path / "run" / "lock").mkdir(parents=True)
    with pytest.raises(Unavailable, match="cannot lock"):
        Store.open(tmp_path / "run", tmp_path / "state", BOOT, COOKIE)


def test_no_permission_is_refused_as_such(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    try:
        os.seteuid(65534)
    except OSError:
        folder = Path("/glassbridge-test")  # root in a user namespace is nobody there
    try:
        with pytest.raises(PermissionRefused, match="cannot make folder") as caught:
            Store.open(folder, folder, BOOT, COOKIE)
    finally:
        os.seteuid(os.getuid())
    assert caught.value.hint


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=30), st.integers(0, 30))
def test_a_transaction_is_all_or_nothing(
    tmp_path_factory: pytest.TempPathFactory, writes: list[tuple[int, bool]], fail_at: int
) -> None:
    folder = tmp_path_factory.mktemp("store")
    before = {endpoint(0).id: endpoint(0)}
    after = dict(before)
    fails = fail_at < len(writes)
    with Store.open(folder / "run", folder / "state", BOOT, COOKIE) as store:
        store.put_endpoint(endpoint(0))
        with suppress(KeyboardInterrupt), store.transaction():
            for number, keep in writes[:fail_at]:
                if keep:
                    store.put_endpoint(endpoint(number))
                    after[endpoint(number).id] = endpoint(number)
                else:
                    store.delete_endpoint(endpoint(number).id)
                    after.pop(endpoint(number).id, None)
            if fails:
                raise KeyboardInterrupt
    with Store.open(folder / "run", folder / "state", BOOT, COOKIE) as again:
        assert {e.id: e for e in again.list_endpoints()} == (before if fails else after)
