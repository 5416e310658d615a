"""wire.netlink: what goes in comes out, and garbage ends quietly."""

from hypothesis import given
from hypothesis import strategies as st

from glassbridge.wire import netlink as nl

kinds = st.integers(0, 0x3FFF)
payloads = st.binary(max_size=300)
lists = st.lists(st.tuples(kinds, payloads), max_size=20)
requests = st.builds(nl.Request, st.integers(16, 0xFFFF), st.integers(0, 0x700), payloads)


@given(lists)
def test_attributes_come_back_in_order(given_list: list[tuple[int, bytes]]) -> None:
    encoded = b"".join(nl.attribute(kind, payload) for kind, payload in given_list)
    assert len(encoded) % 4 == 0
    assert nl.attribute_list(encoded) == given_list
    assert nl.attributes(encoded) == dict(given_list)
    for kind, payload in dict(reversed(given_list)).items():
        assert nl.find_attribute(encoded, kind) == payload, "the first of its number"
    absent = next(k for k in range(0x4000) if k not in dict(given_list))
    assert nl.find_attribute(encoded, absent) is None


@given(kinds, lists)
def test_nested_attributes_come_back(kind: int, inner: list[tuple[int, bytes]]) -> None:
    encoded = nl.nest(kind, *(nl.attribute(k, p) for k, p in inner))
    ((found, payload),) = nl.attribute_list(encoded)
    assert found == kind
    assert nl.attribute_list(payload) == inner


@given(kinds, st.integers(0, 255), st.integers(0, 2**32 - 1))
def test_numbers_come_back(kind: int, small: int, large: int) -> None:
    assert nl.number(nl.attributes(nl.attribute_u8(kind, small))[kind]) == small
    assert nl.number(nl.attributes(nl.attribute_u32(kind, large))[kind]) == large


@given(kinds, st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=40))
def test_text_comes_back(kind: int, words: str) -> None:
    assert nl.text(nl.attributes(nl.attribute_text(kind, words))[kind]) == words


@given(st.lists(requests, min_size=1, max_size=20), st.integers(0, 2**30))
def test_messages_come_back_numbered(batch: list[nl.Request], first: int) -> None:
    found = list(nl.messages(nl.encode(batch, first)))
    assert [(m.message_type, m.body) for m in found] == [(r.message_type, r.body) for r in batch]
    assert [m.sequence for m in found] == list(range(first, first + len(batch)))
    assert all(m.flags & nl.NLM_F_REQUEST for m in found)
    assert found[-1].flags & nl.NLM_F_ACK
    assert [m.flags & nl.NLM_F_ACK for m in found[:-1]] == [
        r.flags & nl.NLM_F_ACK for r in batch[:-1]
    ]


@given(st.lists(requests, max_size=30), st.integers(400, 2000), st.integers(1, 10))
def test_split_keeps_order_and_both_limits(
    batch: list[nl.Request], most_bytes: int, most: int
) -> None:
    sends = nl.split(batch, most_bytes, most)
    assert [r for part in sends for r in part] == batch
    assert all(0 < len(part) <= most for part in sends)
    assert all(len(nl.encode(part, 1)) <= most_bytes for part in sends)


@given(st.binary(max_size=400))
def test_any_bytes_are_read_without_an_exception(data: bytes) -> None:
    for message in nl.messages(data):
        nl.attributes(message.body)
        nl.decode_acknowledgement(message)
    nl.find_attribute(data, 3)
    assert len(nl.attributes(data)) <= len(nl.attribute_list(data))


def test_a_plain_acknowledgement_is_success() -> None:
    body = (0).to_bytes(4, "little") + bytes(16)
    assert nl.decode_acknowledgement(nl.Message(nl.NLMSG_ERROR, 0, 1, 0, body)) is None


@given(st.integers(1, 130), st.booleans(), st.binary(max_size=64))
def test_extended_text_is_found_behind_the_echoed_request(
    errno: int, capped: bool, request_body: bytes
) -> None:
    echoed = nl.encode([nl.Request(16, 0, request_body)], 7)
    flags = nl.NLM_F_ACK_TLVS
    if capped:
        flags |= nl.NLM_F_CAPPED
        echoed = echoed[: nl.HEADER_SIZE]
    body = (-errno).to_bytes(4, "little", signed=True) + echoed
    body += nl.attribute_text(1, "Device does not exist")
    answer = nl.decode_acknowledgement(nl.Message(nl.NLMSG_ERROR, flags, 7, 0, body))
    assert answer == nl.Refusal(errno, "Device does not exist")
