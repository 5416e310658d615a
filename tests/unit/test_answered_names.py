"""A trace goes where the name server would send the program, and to nobody else."""

from __future__ import annotations

import dns.message
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.unit.dns.village import ask, data_of
from tests.unit.test_names_of_networks import a_sandbox, a_state, an_endpoint, refuse

from glassbridge.dns.answering import Forward
from glassbridge.dns.names import Names as Index
from glassbridge.engine.answered_names import Known, the_one_meant
from glassbridge.engine.known_names import names_of_sandboxes
from glassbridge.engine.names import Names
from glassbridge.engine.state import State
from glassbridge.engine.views import sandbox_view
from glassbridge.errors import Conflict
from glassbridge.model.views import NetworkView

NETWORKS = ("front", "back")
SANDBOXES = ("web", "DB", "cache")
WORDS = ("web", "db", "DB", "Cache", "pool", "alias", "nobody")
ENDS = ("", ".", ".front", ".Back", ".six", ".example.")
PLACES = st.dictionaries(
    st.tuples(st.sampled_from(NETWORKS), st.sampled_from(SANDBOXES)), st.booleans(), min_size=1
)


def world(places: dict[tuple[str, str], bool]) -> tuple[State, Known]:
    """Sandboxes on networks; where it is said, that is their way out."""
    state = a_state()
    ways_out = set()
    for number, ((network, sandbox), is_way_out) in enumerate(places.items(), start=2):
        aliases = ("pool", "Alias") if sandbox == "web" else ("pool",)
        endpoint = an_endpoint(network, sandbox, number, *aliases)
        is_gateway = is_way_out and sandbox not in ways_out
        ways_out |= {sandbox} if is_gateway else set()
        state.put_endpoint(replace(endpoint, is_gateway=is_gateway))
    views = tuple(sandbox_view(state, a_sandbox(s).id) for s in SANDBOXES)
    networks = tuple(NetworkView(network=n) for n in state.networks)
    return state, Known(tuple(names_of_sandboxes(views, home=1)), views, networks)


def told_by_the_server(index: Index, at: str, asker: str, name: str) -> set[str]:
    said = ask(dns.message.make_query(name, "A"), at=at, asker=asker, names=index)
    if isinstance(said, Forward):
        return set()
    assert isinstance(said, bytes)
    return set(data_of(dns.message.from_wire(said)))


@given(PLACES)
def test_a_trace_goes_where_the_name_server_would_send_the_program(
    places: dict[tuple[str, str], bool],
) -> None:
    state, known = world(places)
    names = Names(state, refuse)
    index = Index(names.networks())
    endpoints = {str(a): e for e in state.endpoints.values() for a in e.addresses}
    for asker, endpoint in endpoints.items():
        at, *_ = map(str, names.servers_of(endpoint.sandbox))
        if at not in map(str, state.networks[endpoint.network].name_servers):
            continue  # its first server is of its other network
        asked = known.asked_by(a_sandbox(endpoint.sandbox).netns_cookie)
        for name in (word + end for word in WORDS for end in ENDS):
            addresses = told_by_the_server(index, at, asker, name)
            expected = {str(endpoints[a].sandbox) for a in addresses}
            assert {n.id for n in known.told(name, asked)} == expected, name


def test_of_several_bearers_the_one_whose_own_name_it_is() -> None:
    _, known = world({("front", "web"): False, ("front", "DB"): False})
    asked = known.asked_by(a_sandbox("web").netns_cookie)
    with pytest.raises(Conflict, match="pool is an alias of several: DB, web; who asks is told"):
        the_one_meant("pool", known.told("pool", asked))
    both = known.told("pool", asked)
    meant = the_one_meant("web", both)
    assert meant is not None
    assert meant.name == "web"
    assert the_one_meant("nobody", ()) is None


def test_who_is_not_told_a_name_hears_whose_it_is() -> None:
    _, known = world({("front", "web"): False, ("back", "DB"): False})
    asked = known.asked_by(a_sandbox("DB").netns_cookie)
    assert known.elsewhere("alias.front", asked).startswith("that is web on network front, ")
    assert known.elsewhere("alias", ()).startswith("that is web on network front, ")
    assert known.elsewhere("db", asked) == known.elsewhere("nobody", asked) == ""
