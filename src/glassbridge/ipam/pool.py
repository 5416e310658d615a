"""The addresses of one subnet: who holds which, and which comes next.

The lowest free address is leased, but one that was freed rests first, so that what still knows its
old holder (caches, connections, people) does not meet the new one. When nothing else is left, the
longest-rested one is given rather than none.

        first               frontier                    last
          |  leased or freed   |  never leased            |      automatic choice: ip_range, or
    ------+--------------------+--------------------------+---   its ranges, one after the other
                                                                 static wishes: whole subnet

Nothing is materialised: a pool costs memory for its held and freed addresses only, and a lease is
O(log n) of the freed ones (amortised: the frontier passes each static address once).
"""

from collections import OrderedDict
from heapq import heappop, heappush
from ipaddress import IPv4Address

from glassbridge.errors import Conflict, Hint, InvalidRequest, PoolExhausted, Remedy
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
        self._ranges = _ranges_of(subnet)
        self._current = 0
        """In which range the frontier is; behind the last one there is nothing left to find."""
        self._frontier = self._ranges[0].start
        self._holders: dict[int, str] = {}
        self._held_in_range = 0
        self._resting: OrderedDict[int, float] = OrderedDict()
        """When each freed address of the range was released, oldest first."""
        self._rested: list[tuple[int, int]] = []
        """A heap of addresses behind the frontier, each with the place of its range.

        One may have been wished for since: see lease.
        """
        self._in_heap: set[int] = set()

    @property
    def capacity(self) -> int:
        """How many addresses can be leased without being asked for by number."""
        return sum(map(_length, self._ranges)) - sum(map(self._is_in_range, self._never))

    @property
    def is_exhausted(self) -> bool:
        """Whether the next lease would be refused."""
        return self._held_in_range >= self.capacity

    @property
    def held(self) -> int:
        """How many addresses have a holder, static ones outside the range included."""
        return len(self._holders)

    def addresses(self) -> tuple[IPAddress, ...]:
        """Every address that has a holder."""
        return tuple(map(self._family, tuple(self._holders)))

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
                hint=Hint(Remedy.LARGER_SUBNET),
            )
        self._hold(number, holder)
        return self._family(number)

    def reserve(self, address: IPAddress, holder: str) -> None:
        """Hold a certain address, resting or not; already held by the same holder is success.

        Raises InvalidRequest where nobody may have it, Conflict where somebody else has it.
        """
        prefix = self.subnet.prefix
        if address not in prefix:
            raise InvalidRequest(
                f"address {address} is outside the network's subnet {prefix}",
                hint="choose one inside, or omit it to get the next free one",
            )
        number = int(address)
        if (role := self._never.get(number)) is not None:
            raise InvalidRequest(
                f"address {address} cannot be leased: it is {role} of {prefix}",
                hint="choose another, or omit it to get the next free one",
            )
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
        self._held_in_range += self._is_in_range(number)

    def _drop(self, address: IPAddress) -> bool:
        """Forget a holder; whether the address may now be leased again without being asked for."""
        number = int(address)
        if address not in self.subnet.prefix or self._holders.pop(number, None) is None:
            return False
        in_range = self._is_in_range(number)
        self._held_in_range -= in_range
        return in_range

    def _offer(self, number: int) -> None:
        # ahead of the frontier it is found without the heap
        if self._is_passed(number) and number not in self._in_heap:
            heappush(self._rested, (self._range_of(number), number))
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
            _place, number = heappop(self._rested)
            self._in_heap.discard(number)
            # a static wish took it out of turn; it comes back when released and rested
            if number not in self._holders and number not in self._resting:
                return number
        return None

    def _advance(self) -> int | None:
        while self._current < len(self._ranges):
            while self._frontier < self._ranges[self._current].stop:
                number = self._frontier
                self._frontier += 1
                if (
                    number not in self._holders
                    and number not in self._resting
                    and number not in self._never
                ):
                    return number
            self._current += 1
            if self._current < len(self._ranges):
                self._frontier = self._ranges[self._current].start
        return None

    def _is_in_range(self, number: int) -> bool:
        return self._range_of(number) < len(self._ranges)

    def _range_of(self, number: int) -> int:
        """The place of an address's range among them; one past the last for none."""
        for place, numbers in enumerate(self._ranges):
            if number in numbers:
                return place
        return len(self._ranges)

    def _is_passed(self, number: int) -> bool:
        return (self._range_of(number), number) < (self._current, self._frontier)


def _ranges_of(subnet: Subnet) -> tuple[range, ...]:
    if subnet.ranges:
        return tuple(range(int(r.first), int(r.last) + 1) for r in subnet.ranges)
    return (range(int(subnet.pool.network_address), int(subnet.pool.broadcast_address) + 1),)


def _length(numbers: range) -> int:
    """`len` refuses what is more than a word has."""
    return numbers.stop - numbers.start


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
