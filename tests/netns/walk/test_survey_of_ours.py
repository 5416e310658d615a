"""A host with networks of our own: what the daemon tells spares most of the reading."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from glassbridge.engine.engine import Engine
from glassbridge.engine.survey import Survey
from glassbridge.errors import NotFound
from glassbridge.kernel.listed_rules import read_ruleset
from glassbridge.model.container import NetworkWish
from glassbridge.model.endpoint import PortWish, Protocol, SandboxKind
from glassbridge.model.requests import AttachRequest, NetworkRequest
from glassbridge.model.ruleset import ListedTable, Origin
from glassbridge.model.snapshot import Published

MakeNetns = Callable[[str], str]


@pytest.fixture
def engine(make_netns: MakeNetns, tmp_path: Path) -> Iterator[Engine]:
    opened = Engine(tmp_path / "run", tmp_path / "state")
    opened.create_network(NetworkRequest(name="blue", ipv6=True))
    opened.create_network(NetworkRequest(name="dark", internal=True))
    opened.create_network(NetworkRequest(name="unused"))
    for name, networks, ports in (
        ("web", ("bridge",), ((80, 8080, Protocol.TCP), (53, 5353, Protocol.UDP))),
        ("api", ("blue", "dark"), ()),
        ("db", ("blue",), ((5432, 5432, Protocol.TCP),)),
    ):
        opened.attach(
            AttachRequest(
                name=name,
                netns=make_netns(name),
                networks=tuple(NetworkWish(network=n) for n in networks),
                ports=tuple(
                    PortWish(container_port=inner, host_ports=(outer, outer), protocol=protocol)
                    for inner, outer, protocol in ports
                ),
            )
        )
    yield opened
    opened.down(force=True)
    opened.close()


def survey_of(engine: Engine) -> Survey:
    return Survey(engine.sandboxes(), engine.networks())


def test_far_ends_are_known_without_a_search(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def search() -> None:
        pytest.fail("it looked for every namespace of the machine")

    survey = survey_of(engine)
    monkeypatch.setattr(survey.roster, "search", search)
    monkeypatch.setattr(survey.roster, "ask_engines", search)
    web = survey.resolve("web")
    db = survey.resolve("db", 6)
    survey.read([survey.home])
    snapshot = survey.snapshot
    ends = {e.endpoint.host_end: v.sandbox for v in engine.sandboxes() for e in v.endpoints}
    host = snapshot.namespaces[snapshot.home].stack
    found = {k.ifname: snapshot.far_end(snapshot.home, k) for k in host.links if k.kind == "veth"}
    assert {name: far[0] for name, far in found.items() if far} == {
        name: sandbox.netns_cookie for name, sandbox in ends.items()
    }
    assert set(snapshot.namespaces) == {web.cookie, db.cookie, snapshot.home}
    assert str(web.address) == "172.17.0.2"
    assert db.address is not None
    assert db.address.version == 6


def test_what_the_daemon_says_is_checked_where_a_namespace_is_read(engine: Engine) -> None:
    """By what it says, the cable of web leads to db."""
    known = {v.sandbox.name: v for v in engine.sandboxes()}
    cookies = {name: v.sandbox.netns_cookie for name, v in known.items()}
    web, db = known["web"], known["db"]
    told = (replace(web, endpoints=()), replace(db, endpoints=(*db.endpoints, *web.endpoints)))
    survey = Survey(told, engine.networks())
    survey.read([survey.home])
    survey.read([cookies["db"]])
    (port,) = (
        k
        for k in survey.snapshot.namespaces[survey.home].stack.links
        if k.ifname == web.endpoints[0].endpoint.host_end
    )
    far = survey.snapshot.far_end(survey.home, port)
    assert far is not None
    assert far[0] == cookies["web"]


def test_names_networks_and_ports(engine: Engine) -> None:
    survey = survey_of(engine)
    survey.read_all()
    snapshot = survey.snapshot
    ours = [n for n in snapshot.names if n.origin is Origin.GLASSBRIDGE]
    assert [n.name for n in ours] == ["web", "api", "db"]
    assert {n.name for n in snapshot.names} == {"web", "api", "db"}, "no second name from ip netns"
    networks = {n.name: n for n in snapshot.networks if n.origin is Origin.GLASSBRIDGE}
    assert set(networks) >= {"bridge", "blue", "dark"}
    assert networks["dark"].internal
    assert len(networks["blue"].subnets) == 2
    by_port = {(p.host_port, p.host_address.version): p for p in snapshot.published}
    assert set(by_port) == {(8080, 4), (5353, 4), (5432, 4), (5432, 6)}
    db6: Published = by_port[5432, 6]
    assert (db6.name, db6.container_port, db6.container_address.version) == ("db", 5432, 6)


def test_our_own_tables_are_those_that_the_kernel_has(engine: Engine) -> None:
    survey = survey_of(engine)
    survey.read([survey.home])
    rendered = survey.snapshot.namespaces[survey.home].ruleset
    assert rendered.complaints == ()
    with survey.opened(survey.home) as fd:
        listed = read_ruleset(fd)
    assert _elements(rendered.tables) == _elements(listed.tables)
    assert sum(len(s) for s in _elements(rendered.tables).values()) > 30
    assert [(t.family, t.name) for t in rendered.tables] == [
        (t.family, t.name) for t in listed.tables
    ]
    for mine, told in zip(rendered.tables, listed.tables, strict=True):
        handles = {c.name: [r.handle for r in c.rules] for c in told.chains}
        assert {c.name: [r.handle for r in c.rules] for c in mine.chains} == handles


def _elements(tables: tuple[ListedTable, ...]) -> dict[tuple[str, str, str], set[str]]:
    return {
        (t.family, t.name, s.name): {str(v).lower() for v in s.values}
        | {str(e).lower() for e in s.elements}
        for t in tables
        for s in t.sets
    }


def test_a_container_that_does_not_run(engine: Engine) -> None:
    web = next(v for v in engine.sandboxes() if v.sandbox.name == "web")
    sandbox = replace(web.sandbox, name="idle", netns="", netns_cookie=0)
    idle = replace(web, sandbox=replace(sandbox, kind=SandboxKind.CONTAINER))
    with pytest.raises(NotFound, match="idle is not running") as caught:
        Survey((idle,)).resolve("idle")
    assert caught.value.hint == "start it: glassbridge start idle"
