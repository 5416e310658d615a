"""`stack` and `bridge`: read the kernel here and now; no daemon is started for them."""

import click

from glassbridge.app.cli.flags import AnyContainer, as_json
from glassbridge.app.cli.printing import print_json
from glassbridge.app.cli.shown import Shown
from glassbridge.app.cli.state import state_flag, survey_of, tell_state
from glassbridge.app.naming import networks_if_known, sandboxes_if_known
from glassbridge.errors import NotFound


@click.command(
    cls=Shown,
    example=["glassbridge stack web", "glassbridge stack pid:4242", "glassbridge stack host"],
)
@click.argument("target", type=AnyContainer(), metavar="NAME|pid:N|netns:PATH|host")
@click.option("--rules", "all_rules", is_flag=True, help="Every firewall rule, however many.")
@state_flag
@as_json
def stack(target: str, all_rules: bool, state: str, as_json: bool) -> None:
    """Show one whole network stack: interfaces, routes, neighbours, sockets, rules.

    Any namespace will do, also one that glassbridge has not made.
    """
    from glassbridge.app.cli.stack_screen import stack_screen  # noqa: PLC0415 - see main.py
    from glassbridge.engine.stacks import look_at_stack  # noqa: PLC0415 - see main.py

    known, networks = ((), ()) if state else (sandboxes_if_known(), networks_if_known())
    surveyed = survey_of(state, known, networks, reads="tables")
    report = look_at_stack(target, surveyed)
    tell_state(state, surveyed, as_json=as_json)
    if as_json:
        print_json(report)
    else:
        click.echo(stack_screen(report, all_rules=all_rules))


@click.command(cls=Shown, example=["glassbridge bridge", "glassbridge bridge gb0"])
@click.argument("name", default="")
@state_flag
@as_json
def bridge(name: str, state: str, as_json: bool) -> None:
    """Show a bridge, or all: ports, whose they are, and the addresses learned on them.

    Any bridge will do, also one that glassbridge has not made.
    """
    from glassbridge.app.cli.bridge_screen import bridge_screen  # noqa: PLC0415 - see main.py
    from glassbridge.engine.stacks import look_at_bridges  # noqa: PLC0415 - see main.py

    known = () if state else sandboxes_if_known()
    surveyed = survey_of(state, known, reads="tables")
    reports = look_at_bridges(name, surveyed)
    tell_state(state, surveyed, as_json=as_json)
    if as_json:
        print_json(reports)
        return
    if not reports:
        raise NotFound("there is no bridge here", hint="glassbridge up makes the default one")
    click.echo("\n\n".join(map(bridge_screen, reports)))
