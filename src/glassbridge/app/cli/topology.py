"""`topology`: what is plugged into what, on the screen, as a picture or as JSON."""

from pathlib import Path

import click

from glassbridge.app.cli.flags import as_json
from glassbridge.app.cli.printing import print_json
from glassbridge.app.cli.shown import Shown
from glassbridge.app.cli.state import state_flag, survey_of
from glassbridge.app.naming import networks_if_known, sandboxes_if_known
from glassbridge.errors import NotFound, Unavailable
from glassbridge.model.wiring import Wiring


@click.command(
    cls=Shown,
    example=[
        "glassbridge topology",
        "glassbridge topology gb0              one bridge, by its name or its network's",
        "glassbridge topology web              one container, and what it hangs on",
        "glassbridge topology --svg host.svg",
    ],
)
@click.argument("name", default="")
@click.option("--svg", default="", metavar="FILE", help="Write a picture instead.")
@state_flag
@as_json
def topology(name: str, svg: str, state: str, as_json: bool) -> None:
    """Show what is plugged into what: bridges, cables, addresses, published ports.

    Every network namespace of the host is there, with the names of every container engine. NAME
    shows a part only: a bridge, a network, a container or a link. JSON is of schema topology/1
    (docs/topology.schema.json).
    """
    from glassbridge.app.cli.topology_screen import topology_screen  # noqa: PLC0415 - see main.py

    wiring = _read(state)
    if name:
        wiring = _part(wiring, name)
    if svg:
        from glassbridge.app.pictures.topology import topology_svg  # noqa: PLC0415 - see main.py

        _write(svg, topology_svg(wiring))
    if as_json:
        print_json(wiring)
    elif not svg:
        click.echo(topology_screen(wiring))


def _read(state: str) -> Wiring:
    from glassbridge.engine.snapshot_files import describe_snapshot  # noqa: PLC0415 - see main.py
    from glassbridge.walk.wiring import wiring_of  # noqa: PLC0415 - see main.py

    known, networks = ((), ()) if state else (sandboxes_if_known(), networks_if_known())
    survey = survey_of(state, known, networks, reads="cables")
    survey.read_all()
    snapshot = survey.snapshot
    return wiring_of(snapshot, describe_snapshot(snapshot, state) if state else "")


def _part(wiring: Wiring, name: str) -> Wiring:
    from glassbridge.model.names import closest  # noqa: PLC0415 - see main.py
    from glassbridge.walk.narrowing import names_in, narrowed  # noqa: PLC0415 - see main.py

    part = narrowed(wiring, name)
    if not part.roots and not part.apart:
        hint = closest(name, names_in(wiring)) or "glassbridge topology shows every name"
        raise NotFound(f"nothing here is called {name!r}", hint=hint)
    return part


def _write(file: str, picture: str) -> None:
    try:
        Path(file).write_text(picture, encoding="utf-8")
    except OSError as error:
        raise Unavailable(f"{file} cannot be written: {error.strerror}") from error
    click.echo(f"written: {file}", err=True)
