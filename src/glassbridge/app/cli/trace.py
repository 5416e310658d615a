"""`trace`: the walk of one packet, on the screen or in a file; the exit code is its verdict."""

import os
from typing import TYPE_CHECKING, Any

import click
from msgspec import Struct

from glassbridge.app.cli.answering import Answering
from glassbridge.app.cli.exits import TRACE_EXIT_CODES, CommandEnded
from glassbridge.app.cli.flags import AnyContainer, F
from glassbridge.app.cli.state import survey_of
from glassbridge.app.naming import ask_for_networks, ask_for_sandboxes
from glassbridge.errors import InvalidRequest, Unavailable
from glassbridge.model.flow_wish import port_in_address, wish_of
from glassbridge.model.packet import FlowWish, Transport
from glassbridge.model.report import TraceReport, Verdict

if TYPE_CHECKING:
    from glassbridge.engine.targets import Surveyed

_ANSWER_SECONDS, _LIVE_SECONDS = 1.0, 60.0

_EXIT_CODES = {
    Verdict.DELIVERED: 0,
    Verdict.DROPPED: 1,
    Verdict.DISAGREE: 2,
    Verdict.INSUFFICIENT_INFO: 3,
}

_EXAMPLES = (
    "glassbridge trace nginx-1 nginx-2:80",
    "glassbridge trace nginx-1 1.1.1.1              without a port: a ping",
    "glassbridge trace host web:53 --proto udp",
    "glassbridge trace pid:4242 [2001:db8::1]:443 --tree",
    "glassbridge trace web db:5432 --no-probe       send nothing, only predict",
    "glassbridge trace web db:5432 --json | jq -r '.cause.fix[]'",
    "glassbridge trace web db:5432 --pcap walk.pcapng --svg walk.svg",
)


class Flags(Struct, frozen=True, kw_only=True):
    """The command line as click has read it."""

    source: str
    destination: str
    transport: str | None
    only4: bool
    only6: bool
    source_address: str
    source_port: int | None
    size: int | None
    ttl: int | None
    icmp_type: str
    no_probe: bool
    live: bool
    count: int
    timeout: float | None
    state: str
    tree: bool
    as_json: bool
    pcap: str
    svg: str
    full: bool

    @property
    def is_sent(self) -> bool:
        """A packet of our own is."""
        return not (self.no_probe or self.live or self.state)


def _flow_flags(command: F) -> F:
    """Which packet."""
    for option in (
        click.option("--icmp-type", default="", metavar="NAME|N",
                     help="Another ICMP message than echo-request, such as router-advert."),
        click.option("--ttl", type=click.IntRange(1, 255), help="Of the packet; or hop limit."),
        click.option("--size", type=click.IntRange(28, 65535), metavar="BYTES",
                     help="Length of the whole IP packet (default: as small as can be)."),
        click.option("--source-port", type=click.IntRange(1, 65535), metavar="PORT",
                     help="Send from this port (default: any that is free)."),
        click.option("-I", "--source-address", default="", metavar="ADDRESS",
                     help="Send from this address, as ping -I (default: the route's choice)."),
        click.option("-6", "only6", is_flag=True, help="IPv6 only."),
        click.option("-4", "only4", is_flag=True, help="IPv4 only."),
        click.option("--proto", "transport", type=click.Choice(list(map(str, Transport)), False),
                     help="Default: tcp with a port, icmp without."),
    ):  # fmt: skip
        command = option(command)
    return command


def _way_flags(command: F) -> F:
    """How it is found out."""
    for option in (
        click.option("--state", default="", metavar="FILE",
                     help="Predict from a file that glassbridge snapshot wrote, on any system."),
        click.option("--timeout", type=click.FloatRange(0.05, 3600), metavar="SECONDS",
                     help="Wait so long for the answer (default: 1), or with --live for the "
                     "packet (default: 60)."),
        click.option("--count", type=click.IntRange(1, 10000), default=1, metavar="N",
                     help="Send N packets: the walk is the first one's."),
        click.option("--live", is_flag=True,
                     help="Send nothing: wait for the next real packet of that flow."),
        click.option("--no-probe", is_flag=True, help="Send nothing: only predict."),
    ):  # fmt: skip
        command = option(command)
    return command


def _output_flags(command: F) -> F:
    """What is written."""
    for option in (
        click.option("--full", is_flag=True, help="Whole packets in the capture file."),
        click.option("--svg", default="", metavar="FILE", help="Write a picture of the walk."),
        click.option("--pcap", default="", metavar="FILE",
                     help="Write every frame seen as pcapng, for Wireshark."),
        click.option("--json", "as_json", is_flag=True,
                     help="JSON, schema walk/1 (docs/walk.schema.json)."),
        click.option("--tree", is_flag=True, help="Every step with all its evidence."),
    ):  # fmt: skip
        command = option(command)
    return command


@click.command(cls=Answering, example=_EXAMPLES, exit_codes=TRACE_EXIT_CODES)
@click.argument("source", type=AnyContainer(), metavar="SRC")
@click.argument("destination", type=AnyContainer(), metavar="DST[:PORT]")
@_flow_flags
@_way_flags
@_output_flags
def trace(**given: Any) -> None:  # noqa: ANN401 - click's; Flags has their types
    """Show the walk of a packet: as predicted, as really seen, and why it does not arrive.

    SRC and DST are a container's name (of any engine), host, pid:N, netns:PATH, an address or a
    name. An IPv6 address with a port stands in brackets.

    One small packet is sent by an ordinary socket in SRC, and watched on its way; nothing is left
    behind. What cannot be watched is predicted, and the report says which is which.
    """
    flags = Flags(**given)
    _refuse_contradictions(flags)
    report = _trace(_wish(flags), flags)
    click.echo(_shown(report, flags))
    _write_files(report, flags)
    meant = port_in_address(flags.destination)
    if meant and report.verdict is not Verdict.DELIVERED:
        _say(f"hint:  {flags.destination} was read as an address; with a port: {meant}")
    code = _EXIT_CODES[report.verdict]
    if code:
        raise CommandEnded(code)


def _refuse_contradictions(flags: Flags) -> None:
    pairs = (
        ("-4", flags.only4, "-6", flags.only6),
        ("--tree", flags.tree, "--json", flags.as_json),
        ("--live", flags.live, "--no-probe", flags.no_probe),
        ("--live", flags.live, "--state", flags.state),
        ("--pcap", flags.pcap, "--no-probe", flags.no_probe),
        ("--pcap", flags.pcap, "--state", flags.state),
        ("--count", flags.count > 1, "--no-probe, --live or --state", not flags.is_sent),
    )
    for one, is_one, other, is_other in pairs:
        if is_one and is_other:
            raise InvalidRequest(f"{one} cannot be combined with {other}")
    if "-" in {flags.pcap, flags.svg}:
        raise InvalidRequest("- is no file: the walk itself is on standard output")
    if flags.full and not flags.pcap:
        raise InvalidRequest("--full is about --pcap FILE, which is not given")


def _wish(flags: Flags) -> FlowWish:
    return wish_of(
        flags.source,
        flags.destination,
        transport=None if flags.transport is None else Transport(flags.transport),
        version=4 if flags.only4 else 6 if flags.only6 else None,
        source_address=flags.source_address,
        source_port=flags.source_port,
        icmp_type=flags.icmp_type,
        size=flags.size,
        ttl=flags.ttl,
    )


def _trace(wish: FlowWish, flags: Flags) -> TraceReport:
    survey = _survey(flags.state)
    from glassbridge.engine.trace_options import TraceOptions  # noqa: PLC0415 - see main.py
    from glassbridge.engine.tracing import trace  # noqa: PLC0415 - see main.py

    options = TraceOptions(
        probe=flags.is_sent,
        live=flags.live,
        count=flags.count,
        timeout=flags.timeout or (_LIVE_SECONDS if flags.live else _ANSWER_SECONDS),
        full=flags.full,
        recorded=_describe(survey, flags.state),
        say=_say,
    )
    return trace(survey, wish, options)


def _survey(state: str) -> "Surveyed":
    if state:
        return survey_of(state)
    sandboxes, networks = ask_for_sandboxes(), ask_for_networks()
    # the daemon answers while this is loaded
    from glassbridge.engine.survey import Survey  # noqa: PLC0415 - see main.py

    return Survey(sandboxes.answer(), networks.answer())


def _describe(survey: "Surveyed", state: str) -> str:
    if not state:
        return ""
    from glassbridge.engine.snapshot_files import describe_snapshot  # noqa: PLC0415 - see main.py

    return describe_snapshot(survey.snapshot, state)


def _say(sentence: str) -> None:
    click.echo(sentence, err=True)


def _shown(report: TraceReport, flags: Flags) -> str:
    if flags.as_json:
        from glassbridge.app.walk_json import walk_json  # noqa: PLC0415 - see main.py

        return walk_json(report).decode()
    if flags.tree:
        from glassbridge.app.cli.walk_tree import walk_tree  # noqa: PLC0415 - see main.py

        return walk_tree(report)
    from glassbridge.app.cli.walk_screen import walk_screen  # noqa: PLC0415 - see main.py

    return walk_screen(report)


def _write_files(report: TraceReport, flags: Flags) -> None:
    if flags.pcap:
        from glassbridge.app.walk_pcap import pcap_of  # noqa: PLC0415 - see main.py

        assert report.snapshot is not None  # every walk is predicted from one
        _write(flags.pcap, pcap_of(report, report.snapshot), private=True)
    if flags.svg:
        from glassbridge.app.pictures.walk import walk_svg  # noqa: PLC0415 - see main.py

        _write(flags.svg, walk_svg(report).encode())


def _write(file: str, octets: bytes, *, private: bool = False) -> None:
    """A capture has what others sent, and is for its owner alone, as a snapshot is."""
    try:
        with open(file, "wb", opener=_open_private if private else None) as opened:
            opened.write(octets)
    except OSError as error:
        raise Unavailable(f"{file} cannot be written: {error.strerror}") from error
    click.echo(f"written: {file}", err=True)


def _open_private(file: str, flags: int) -> int:
    return os.open(file, flags, 0o600)
