"""`snapshot`: all that a walk is predicted from, in one file."""

import sys

import click

from glassbridge.app.cli.shown import Shown
from glassbridge.app.cli.words import counted
from glassbridge.app.naming import networks_if_known, sandboxes_if_known
from glassbridge.errors import InvalidRequest


@click.command(
    cls=Shown,
    example=[
        "glassbridge snapshot -o sick.json.gz",
        "glassbridge trace web db:5432 --state sick.json.gz",
    ],
)
@click.option("-o", "--output", "path", default="", metavar="FILE",
              help="Write it there, gzip'd if the name ends in .gz; - is stdout.")  # fmt: skip
def snapshot(path: str) -> None:
    """Write all that a walk is predicted from to a file, to look at it elsewhere.

    In it, for every network namespace of this host: links with their counters, addresses, routes,
    neighbours, bridges and what they learned, settings, firewall rules, tracked connections (the
    first 4,096 of each), listening sockets with the names of their processes; and the names,
    networks and published ports of all container engines found. Not in it: payloads, environment
    variables, command lines, files.

    An existing file is replaced. trace, topology, stack, bridge and doctor read it with --state.
    """
    from glassbridge.engine.snapshot_files import STDOUT, write_snapshot  # noqa: PLC0415 - see main.py
    from glassbridge.engine.survey import Survey  # noqa: PLC0415 - see main.py

    if not path and sys.stdout.isatty():
        raise InvalidRequest(
            "a snapshot is no text for a terminal", hint="write it to a file: -o FILE"
        )
    survey = Survey(sandboxes_if_known(), networks_if_known())
    survey.read_all()
    taken = survey.snapshot
    write_snapshot(taken, path or STDOUT)
    if path and path != STDOUT:
        click.echo(f"{path}: {counted(len(taken.namespaces), 'namespace')}", err=True)
    for complaint in taken.unreadable:
        click.echo(f"not read: {complaint}", err=True)
