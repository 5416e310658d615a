"""Plans as wholes: what they build, that they can be taken back, and that nothing is left."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.unit.fake_kernel import FakeKernel
from tests.unit.strategies import NETNS, endpoints, networks

from glassbridge.model.network import Network
from glassbridge.plan.descriptions import describe
from glassbridge.plan.endpoint import plan_attach, plan_detach, plan_gateway_move
from glassbridge.plan.gateway import choose_gateway
from glassbridge.plan.inverses import inverse
from glassbridge.plan.network import plan_realise, plan_unrealise
from glassbridge.plan.operations import Operation


def _perform(kernel: FakeKernel, operations: Sequence[Operation]) -> None:
    for operation in operations:
        kernel.apply(operation)


def _undo(kernel: FakeKernel, operations: Sequence[Operation]) -> None:
    for operation in reversed(operations):
        back = inverse(operation)
        if back is not None:
            kernel.apply(back)


@given(networks())
def test_a_network_taken_away_leaves_nothing(network: Network) -> None:
    kernel = FakeKernel()
    _perform(kernel, plan_realise(network))
    _perform(kernel, plan_unrealise(network, stands=True))
    facts, elements = kernel.snapshot()
    assert not elements
    assert all(f[0] == "sysctl" and network.bridge in str(f[1]) for f in facts)


@given(st.data())
def test_an_attach_failing_at_any_operation_is_undone(data: st.DataObject) -> None:
    network = data.draw(networks())
    endpoint = data.draw(endpoints(network))
    kernel = FakeKernel()
    _perform(kernel, plan_realise(network))
    before = kernel.snapshot()
    plan = plan_attach(network, endpoint, NETNS, announce=data.draw(st.booleans()))
    failing = data.draw(st.integers(0, len(plan)))
    _perform(kernel, plan[:failing])
    _undo(kernel, plan[:failing])
    assert kernel.snapshot() == before


@given(st.data())
def test_a_detach_takes_back_an_attach(data: st.DataObject) -> None:
    network = data.draw(networks())
    endpoint = data.draw(endpoints(network))
    kernel = FakeKernel()
    _perform(kernel, plan_realise(network))
    before = kernel.snapshot()
    _perform(kernel, plan_attach(network, endpoint, NETNS))
    assert kernel.snapshot() != before
    _perform(kernel, plan_detach(network, endpoint))
    assert kernel.snapshot() == before


@given(st.data())
def test_a_gateway_moves_with_its_routes_and_ports(data: st.DataObject) -> None:
    """As if the second endpoint had been the gateway from the beginning."""
    one = replace(data.draw(networks(number=1)), internal=False)
    other = replace(data.draw(networks(number=2)), internal=False, ipv4=one.ipv4, ipv6=one.ipv6)
    first = data.draw(endpoints(one, 0).filter(lambda e: e.is_gateway))
    second = data.draw(endpoints(other, 1)).without_ports()
    heir = replace(second, is_gateway=True, ports=first.ports)

    moved, direct = FakeKernel(), FakeKernel()
    for kernel in (moved, direct):
        _perform(kernel, plan_realise(one))
        _perform(kernel, plan_realise(replace(other, ipv4=None, ipv6=None)))
    _perform(moved, plan_attach(one, first, NETNS))
    _perform(moved, plan_attach(other, second, NETNS))
    _perform(moved, plan_gateway_move((one, first), (other, heir), NETNS))
    _perform(direct, plan_attach(one, first.without_ports(), NETNS))
    _perform(direct, plan_attach(other, heir, NETNS))
    assert moved.snapshot() == direct.snapshot()


@given(st.data())
def test_every_operation_describes_itself_in_one_line(data: st.DataObject) -> None:
    network = data.draw(networks())
    endpoint = data.draw(endpoints(network))
    for operation in (
        *plan_realise(network),
        *plan_attach(network, endpoint, NETNS, announce=True),
        *plan_detach(network, endpoint),
    ):
        assert describe(operation)
        assert "\n" not in describe(operation)


@given(st.data())
def test_the_gateway_is_the_highest_priority_that_leads_out(data: st.DataObject) -> None:
    pairs = []
    for number in range(1, data.draw(st.integers(1, 5)) + 1):
        network = data.draw(networks(number))
        endpoint = replace(
            data.draw(endpoints(network, number)), gateway_priority=data.draw(st.integers(-1, 1))
        )
        pairs.append((network, endpoint))
    chosen = choose_gateway(pairs)
    leading = [(n, e) for n, e in pairs if not n.internal]
    if not leading:
        assert chosen is None
        return
    best = max(e.gateway_priority for _, e in leading)
    winner = next((n, e) for n, e in leading if e.id == chosen)
    assert winner[1].gateway_priority == best
    rivals = [(n, e) for n, e in leading if e.gateway_priority == best]
    assert len(winner[1].addresses) == max(len(e.addresses) for _, e in rivals)
    equals = [n.name for n, e in rivals if len(e.addresses) == len(winner[1].addresses)]
    assert winner[0].name == min(equals)
