"""However networks change, the index knows what one built afresh would know."""

from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.dns.village import answered, data_of, member

from glassbridge.dns.names import Names
from glassbridge.dns.zone import Member, NetworkNames
from glassbridge.model.network import NetworkId

WORDS = ["web", "db", "pool", "x"]
ADDRESSES = [f"10.0.{net}.{host}" for net in (0, 1) for host in range(2, 7)]


@st.composite
def members(draw: st.DrawFn, number: int) -> tuple[Member, ...]:
    hosts = draw(st.lists(st.integers(2, 6), unique=True, max_size=5))
    return tuple(
        member(
            " ".join(draw(st.lists(st.sampled_from(WORDS), max_size=3))),
            f"10.0.{number}.{host}",
            sandbox=f"s{draw(st.integers(0, 3))}",
        )
        for host in hosts
    )


NETWORKS = st.tuples(
    *(
        st.builds(
            lambda name, inhabitants, number=number: NetworkNames(
                id=NetworkId(str(number)),
                name=name,
                gateways=(ip_address(f"10.0.{number}.1"),),
                internal=True,
                members=inhabitants,
            ),
            st.sampled_from(["one", "two"]),
            members(number),
        )
        for number in (0, 1)
    )
)


def everything(names: Names) -> dict[tuple[str, str, str], tuple[int, list[str]]]:
    """What anybody is told about anything."""
    told = {}
    for asker in ADDRESSES:
        gateway = asker.rpartition(".")[0] + ".1"
        for name in (*WORDS, "web.one", "web.two"):
            message = answered(name, at=gateway, asker=asker, names=names)
            told[asker, gateway, name] = (int(message.rcode()), sorted(data_of(message)))
    return told


@given(st.lists(st.tuples(NETWORKS, st.sampled_from([(0,), (1,), (0, 1)])), min_size=1, max_size=5))
def test_changes_lead_to_what_a_new_index_has(
    steps: list[tuple[tuple[NetworkNames, NetworkNames], tuple[int, ...]]],
) -> None:
    names, now = Names(), dict[int, NetworkNames]()
    for networks, which in steps:
        now = {number: networks[number] for number in which}
        names.update(now.values())
    assert everything(names) == everything(Names(now.values()))


def test_a_member_that_stays_is_not_indexed_again() -> None:
    stays, goes = member("web", "10.0.0.2"), member("db", "10.0.0.3")
    comes = member("new", "10.0.0.3")

    def network(*inhabitants: Member) -> NetworkNames:
        return NetworkNames(
            id=NetworkId("n"),
            name="n",
            gateways=(ip_address("10.0.0.1"),),
            internal=True,
            members=inhabitants,
        )

    names = Names([network(stays, goes)])
    zone = names.asked_at("10.0.0.1")
    assert zone is not None
    (before,) = zone.bearers(b"\3web\0")
    names.update([network(stays, comes)])
    assert names.asked_at("10.0.0.1") is zone
    assert zone.bearers(b"\3web\0") == (before,)
    assert zone.bearers(b"\2db\0") == ()
    assert data_of(answered("new", at="10.0.0.1", asker="10.0.0.3", names=names)) == ["10.0.0.3"]
