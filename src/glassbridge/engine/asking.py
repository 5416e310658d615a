"""Which ARP and neighbour discovery belongs to a walk: questions for its next hops, and answers."""

from collections.abc import Collection

from glassbridge.engine.following import Way
from glassbridge.model.address import IPAddress
from glassbridge.model.observation import NeighbourMessage
from glassbridge.model.step_details import Left, NeighbourFound
from glassbridge.model.walk import Walk


class Asking:
    """Knows whose MACs a walk needs; to be asked in time order."""

    def __init__(self, walk: Walk, addresses: Collection[IPAddress]) -> None:
        """`addresses`: those that the packet was seen with; whoever answers it asks for them."""
        self._there = _next_hops(walk, is_reply=False)
        self._back = _next_hops(walk, is_reply=True)
        self._wanted = {a for _, a in self._there | self._back} | {*addresses}
        self._questions: dict[tuple[IPAddress, IPAddress], Way | None] = {}
        self._answered: set[IPAddress] = set()

    def way_of(self, said: NeighbourMessage, cookie: int, *, outgoing: bool) -> Way | None:
        """For which way of the walk a message is needed, both rather THERE; None: it is not.

        Everybody asks for a gateway. A question is the walk's if the first tap that heard it saw
        it leave: who is not on the way has no tap of its own. Or if it comes from an address of
        the walk, as a router outside does.
        """
        if said.is_reply:
            self._answered.add(said.sender)
            return self._questions.get((said.target, said.sender))
        question = (said.sender, said.target)
        if question not in self._questions:
            is_ours = said.target in self._wanted and (outgoing or said.sender in self._wanted)
            self._questions[question] = self._needed(cookie, said.target) if is_ours else None
        return self._questions[question]

    @property
    def unanswered(self) -> tuple[IPAddress, ...]:
        """Next hops that were asked for, and nobody has answered so far."""
        ours = [wanted for (_, wanted), way in self._questions.items() if way is not None]
        return tuple(dict.fromkeys(a for a in ours if a not in self._answered))

    def _needed(self, cookie: int, address: IPAddress) -> Way:
        need = (cookie, address)
        return Way.BACK if need in self._back and need not in self._there else Way.THERE


def _next_hops(walk: Walk, *, is_reply: bool) -> set[tuple[int, IPAddress]]:
    """With the namespace that needs each."""
    found = set()
    for step in walk.reply if is_reply else walk.request:
        match step.detail:
            case NeighbourFound(address=address):
                found.add((step.place.cookie, address))
            case Left(gateway=gateway) if gateway is not None:
                found.add((step.place.cookie, gateway))
            case _:
                pass
    return found
