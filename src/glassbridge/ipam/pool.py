"""The addresses of one subnet: who holds which, and which comes next.

The lowest free address is leased, but one that was freed rests first, so that what still knows its
old holder (caches, connections, people) does not meet the new one. When nothing else is left, the
longest-rested one is given rather than none.

        first               frontier                    last
          |  leased or freed   |  never leased            |      automatic choice: ip_range
    ------+--------------------+--------------------------+---   static wishes: whole subnet

Nothing is materialised: a pool costs memory for its held and freed addresses only, and a lease is
O(log n) of the freed ones (amortised: the frontier passes each static address once).
"""

from collections import OrderedDict
from heapq import heappop, heappush
from ipaddress import IPv4Address

from glassbridge.errors import Conflict, InvalidRequest, PoolExhausted
from glassbridge.model.address import IPAddress
from glassbridge.model.network import Subnet

REST_SECONDS = 60.0
"""As long as an unused neighbour entry lives at least: gc_stale_time, arp(7)."""


class Pool:
    """The leases of one subnet; not thread-safe, the writer owns it."""

    def __init__(self, subnet: Subnet, *, rest_seconds: float = REST_SECONDS) -> None:
        self.subnet = subnet
        self._rest_seconds = rest_seconds
        self._family: type[IPAddress] = type(subnet.prefix.network_address)
        self._never = _never_leased(subnet)
        self._first = int(subnet.pool.network_address)
        self._last = int(subnet.pool.broadcast_address)
        self._frontier = self._first
        self._holders: dict[int, str] = {}
        self._held_in_range = 0
        self._resting: OrderedDict[int, float] = OrderedDict()
        """When each freed address of the range was released, oldest first."""
        self._rested: list[int] = []
        """A heap of addresses below the frontier; one may have been wished for since: see lease."""
        self._in_heap: set[int] = set()

    @property
    def capacity(self) -> int:
        """How many addresses can be leased without being asked for by number."""
        unusable = sum(self._first <= number <= self._last for number in self._never)
        return self._last - self._first + 1 - unusable

    @property
    def held(self) -> int:
        """How many addresses have a holder, static ones outside the range included."""
        return len(self._holders)

    def holder_of(self, address: IPAddress) -> str | None:
        """Who holds an address."""
        return self._holders.get(int(address)) if address in self.subnet.prefix else None

    def lease(self, holder: str, now: float) -> IPAddress:
        """Lease the next address; `now` is in seconds of a clock that never goes back.

        Raises PoolExhausted when every address of the range has a holder.
        """
        self._wake(now)
        number = self._lowest_rested()
        if number is None:
            number = self._advance()
        if number is None and self._resting:
            number, _released = self._resting.popitem(last=False)
        if number is None:
            raise PoolExhausted(
                f"no free address in {self.subnet.pool}: "
                f"{self._held_in_range} of {self.capacity} in use",
                hint="remove a container, or create a network with a larger --subnet",
            )
        self._hold(number, holder)
        return self._family(number)

    def reserve(self, address: IPAddress, holder: str) -> None:
        """Hold a certain address, resting or not; already held by the same holder is success.

        Raises InvalidRequest where nobody may have it, Conflict where somebody else has it.
        """
        prefix = self.subnet.prefix
        if address not in prefix:
            raise InvalidRequest(f"address {address} is outside the network's subnet {prefix}")
        number = int(address)
        if (role := self._never.get(number)) is not None:
            raise InvalidRequest(f"address {address} cannot be leased: it is {role} of {prefix}")
        owner = self._holders.get(number)
        if owner == holder:
            return
        if owner is not None:
            raise Conflict(f"address {address} is in use by {owner}")
        self._resting.pop(number, None)
        self._hold(number, holder)

    def release(self, address: IPAddress, now: float) -> None:
        """Take an address back; one that nobody holds is success, as detaching is repeatable."""
        if self._drop(address):
            self._resting[int(address)] = now

    def cancel(self, address: IPAddress) -> None:
        """Take back a lease that nobody ever used: it need not rest."""
        if self._drop(address):
            self._offer(int(address))

    def _hold(self, number: int, holder: str) -> None:
        self._holders[number] = holder
        self._held_in_range += self._first <= number <= self._last

    def _drop(self, address: IPAddress) -> bool:
        """Forget a holder; whether the address may now be leased again without being asked for."""
        number = int(address)
        if address not in self.subnet.prefix or self._holders.pop(number, None) is None:
            return False
        in_range = self._first <= number <= self._last
        self._held_in_range -= in_range
        return in_range

    def _offer(self, number: int) -> None:
        # above the frontier it is found without the heap
        if number < self._frontier and number not in self._in_heap:
            heappush(self._rested, number)
            self._in_heap.add(number)

    def _wake(self, now: float) -> None:
        while self._resting:
            number, released = next(iter(self._resting.items()))
            if released + self._rest_seconds > now:
                return
            del self._resting[number]
            self._offer(number)

    def _lowest_rested(self) -> int | None:
        while self._rested:
            number = heappop(self._rested)
            self._in_heap.discard(number)
            # a static wish took it out of turn; it comes back when released and rested
            if number not in self._holders and number not in self._resting:
                return number
        return None

    def _advance(self) -> int | None:
        while self._frontier <= self._last:
            number = self._frontier
            self._frontier += 1
            if (
                number not in self._holders
                and number not in self._resting
                and number not in self._never
            ):
                return number
        return None


def _never_leased(subnet: Subnet) -> dict[int, str]:
    """What is not for containers, and why; /31 (RFC 3021) and /127 (RFC 6164) have no such ends."""
    prefix = subnet.prefix
    never = {}
    if prefix.num_addresses > 2:  # noqa: PLR2004 - see the docstring
        if isinstance(prefix.network_address, IPv4Address):
            never[int(prefix.network_address)] = "the network address"
            never[int(prefix.broadcast_address)] = "the broadcast address"
        else:
            never[int(prefix.network_address)] = "the routers' anycast address (RFC 4291)"
    for name, address in subnet.reserved.items():
        never[int(address)] = f"reserved ({name})"
    if subnet.gateway is not None:
        never[int(subnet.gateway)] = "the gateway"
    return never
