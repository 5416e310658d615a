"""One question to others: whom to ask next, and which of the answers is to be believed."""

from enum import Enum, auto

from msgspec import Struct

from glassbridge.model.address import IPAddress
from glassbridge.wire.dns import HEADER, RCODE, RESPONSE, Query, Rcode, read_records, write_query

_QUESTION_END = 4
"""Bytes of type and class."""


class Try(Struct, frozen=True, eq=False):
    """One message to one server."""

    server: IPAddress
    message: bytes


class Heard(Enum):
    """What a message means that came back."""

    NOTHING = auto()
    """It does not answer what was asked."""
    TROUBLE = auto()
    """This server cannot tell; another may."""
    ANSWER = auto()


class Enquiry:
    """One question on its way through servers, over UDP or TCP.

    Earlier tries stay open beside later ones: a slow server's answer is as good as any.
    """

    def __init__(self, query: Query, servers: tuple[IPAddress, ...]) -> None:
        self._query = query
        self._left = list(servers)
        self._waiting: list[Try] = []
        self.heard_from: set[IPAddress] = set()

    @property
    def silent(self) -> set[IPAddress]:
        """Servers that were asked, and said nothing."""
        return {attempt.server for attempt in self._waiting} - self.heard_from

    @property
    def is_waiting(self) -> bool:
        """Whether anything can still come back."""
        return bool(self._waiting)

    def next(self, random: bytes) -> Try | None:
        """The next try, under an id of two random bytes; None when all servers were asked."""
        if not self._left:
            return None
        message = write_query(self._query, int.from_bytes(random, "big"))
        attempt = Try(self._left.pop(0), message)
        self._waiting.append(attempt)
        return attempt

    def hear(self, attempt: Try, message: bytes) -> Heard:
        """Judge what came from the address that a try went to."""
        if len(message) < HEADER.size or message[:2] != attempt.message[:2]:
            return Heard.NOTHING
        _, flags, questions, *_ = HEADER.unpack_from(message)
        rcode = flags & RCODE
        # a server that could not read the question need not repeat it
        refused = rcode and not questions
        answers = refused or (questions == 1 and self._repeats_the_question(message))
        if not flags & RESPONSE or not answers:
            return Heard.NOTHING
        self.heard_from.add(attempt.server)
        troubled = refused or rcode in {Rcode.SERVFAIL, Rcode.REFUSED}
        if troubled or read_records(message) is None:
            self.give_up(attempt)
            return Heard.TROUBLE
        return Heard.ANSWER

    def give_up(self, attempt: Try) -> None:
        """Expect nothing more of the server of a try: nobody listens, or no way leads there."""
        self._left = [s for s in self._left if s != attempt.server]
        self._waiting = [t for t in self._waiting if t.server != attempt.server]

    def _repeats_the_question(self, message: bytes) -> bool:
        """Compare it but for the case of the name, which some servers change."""
        question = self._query.question
        end = HEADER.size + len(question)
        name_end = end - _QUESTION_END
        return (
            message[HEADER.size : name_end].lower() == self._query.name
            and message[name_end:end] == question[-_QUESTION_END:]
        )
