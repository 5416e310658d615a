"""Names of numbers in firewall rules, as nft and iptables print them."""

from typing import Final

PROTOCOLS: Final = {
    "icmp": 1,
    "igmp": 2,
    "tcp": 6,
    "udp": 17,
    "dccp": 33,
    "gre": 47,
    "esp": 50,
    "ah": 51,
    "icmpv6": 58,
    "ipv6-icmp": 58,
    "sctp": 132,
    "udplite": 136,
}
ETHER_TYPES: Final = {
    "ip": 0x0800,
    "arp": 0x0806,
    "8021q": 0x8100,
    "vlan": 0x8100,
    "ip6": 0x86DD,
    "8021ad": 0x88A8,
}
NETWORK_PROTOCOLS: Final = {"ipv4": 2, "arp": 3, "bridge": 7, "ipv6": 10}
"""NFPROTO_* of linux/netfilter.h."""

ICMP_TYPES: Final = {
    "echo-reply": 0,
    "destination-unreachable": 3,
    "source-quench": 4,
    "redirect": 5,
    "echo-request": 8,
    "router-advertisement": 9,
    "router-solicitation": 10,
    "time-exceeded": 11,
    "parameter-problem": 12,
    "timestamp-request": 13,
    "timestamp-reply": 14,
    "info-request": 15,
    "info-reply": 16,
    "address-mask-request": 17,
    "address-mask-reply": 18,
}
ICMPV6_TYPES: Final = {
    "destination-unreachable": 1,
    "packet-too-big": 2,
    "time-exceeded": 3,
    "parameter-problem": 4,
    "echo-request": 128,
    "echo-reply": 129,
    "mld-listener-query": 130,
    "mld-listener-report": 131,
    "mld-listener-done": 132,
    "mld-listener-reduction": 132,
    "nd-router-solicit": 133,
    "nd-router-advert": 134,
    "nd-neighbor-solicit": 135,
    "nd-neighbor-advert": 136,
    "nd-redirect": 137,
    "router-renumbering": 138,
    "ind-neighbor-solicit": 141,
    "ind-neighbor-advert": 142,
    "mld2-listener-report": 143,
}
ICMP_CODES: Final = {
    "net-unreachable": 0,
    "host-unreachable": 1,
    "prot-unreachable": 2,
    "port-unreachable": 3,
    "frag-needed": 4,
    "net-prohibited": 9,
    "host-prohibited": 10,
    "admin-prohibited": 13,
}
ICMPV6_CODES: Final = {
    "no-route": 0,
    "admin-prohibited": 1,
    "addr-unreachable": 3,
    "port-unreachable": 4,
    "policy-fail": 5,
    "reject-route": 6,
}
PACKET_TYPES: Final = {"host": 0, "unicast": 0, "broadcast": 1, "multicast": 2, "other": 3}
LINK_GROUPS: Final = {"default": 0}
CT_DIRECTIONS: Final = {"original": 0, "reply": 1}

# -- words that are bits

CT_STATES: Final = {"invalid": 1, "established": 2, "related": 4, "new": 8, "untracked": 64}
CT_STATUSES: Final = {
    "expected": 1,
    "seen-reply": 2,
    "assured": 4,
    "confirmed": 8,
    "snat": 0x10,
    "dnat": 0x20,
    "dying": 0x200,
}
XT_STATES: Final = {**CT_STATES, "snat": 0x100, "dnat": 0x200}
"""`--ctstate` of iptables counts what nft calls status among the states."""
TCP_FLAGS: Final = {
    "fin": 1,
    "syn": 2,
    "rst": 4,
    "psh": 8,
    "ack": 16,
    "urg": 32,
    "ecn": 64,
    "cwr": 128,
}
ARP_OPERATIONS: Final = {"request": 1, "reply": 2}

NUMBERS: Final[dict[str, dict[str, int]]] = {
    "meta protocol": ETHER_TYPES,
    "ether type": ETHER_TYPES,
    "meta nfproto": NETWORK_PROTOCOLS,
    "meta l4proto": PROTOCOLS,
    "ip protocol": PROTOCOLS,
    "ip6 nexthdr": PROTOCOLS,
    "ct protocol": PROTOCOLS,
    "icmp type": ICMP_TYPES,
    "icmpv6 type": ICMPV6_TYPES,
    "icmp code": ICMP_CODES,
    "icmpv6 code": ICMPV6_CODES,
    "arp operation": ARP_OPERATIONS,
    "meta pkttype": PACKET_TYPES,
    "meta iifgroup": LINK_GROUPS,
    "meta oifgroup": LINK_GROUPS,
    "ct direction": CT_DIRECTIONS,
    "ct state": CT_STATES,
    "ct status": CT_STATUSES,
    "ctstate": XT_STATES,
    "tcp flags": TCP_FLAGS,
}
"""By field: what stands for a number there."""


def number_of(field: str, text: str) -> int | None:
    """A value of a field as a number: a word of that field, decimal, or 0x."""
    named = NUMBERS.get(field, {}).get(text)
    if named is not None:
        return named
    try:
        return int(text, 0)
    except ValueError:
        return None


def names_of(field: str, number: int) -> tuple[str, ...]:
    """Every way in which a number of that field may be written."""
    words = NUMBERS.get(field, {})
    return (str(number), *(word for word, value in words.items() if value == number))
