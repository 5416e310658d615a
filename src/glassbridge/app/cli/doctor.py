"""`doctor`: what is wrong with the networks of this host; silent when nothing is."""

import sys

import click

from glassbridge.app.cli.answering import Answering
from glassbridge.app.cli.exits import DOCTOR_EXIT_CODES, CommandEnded
from glassbridge.app.cli.flags import Sandbox
from glassbridge.app.cli.printing import print_json
from glassbridge.app.cli.state import state_flag, survey_of
from glassbridge.app.naming import networks_if_known, sandboxes_if_known
from glassbridge.model.finding import Diagnosis, Severity

_EXAMPLES = (
    "glassbridge doctor",
    "glassbridge doctor web                    one container, network or bridge",
    "glassbridge doctor --state sick.json.gz   another host, from its snapshot",
    "glassbridge doctor --json | jq -r '.findings[].fix[]'",
)
_EXIT_CODES = {Severity.PROBLEM: 1, Severity.WARNING: 2}


@click.command(cls=Answering, example=_EXAMPLES, exit_codes=DOCTOR_EXIT_CODES)
@click.argument("name", type=Sandbox(), default="")
@state_flag
@click.option("--json", "as_json", is_flag=True,
              help="JSON, schema doctor/1 (docs/doctor.schema.json).")  # fmt: skip
def doctor(name: str, state: str, as_json: bool) -> None:
    """Find what is wrong with networks, without sending a packet; each with proof and fix.

    The state of bridges, cables, routes, neighbours, rules and settings is looked at, and every
    path that a healthy host carries is predicted: between containers, from the host, to the
    outside, to published ports. What is closed on purpose is no finding. Nothing is changed.

    NAME narrows it to one container, network or bridge. Where all is well nothing is printed; on a
    terminal stderr says what was looked at.
    """
    diagnosis = _diagnose(name, state)
    if as_json:
        print_json(diagnosis)
    else:
        _show(diagnosis)
    if diagnosis.findings:
        raise CommandEnded(min(_EXIT_CODES[f.severity] for f in diagnosis.findings))


def _diagnose(name: str, state: str) -> Diagnosis:
    from glassbridge.engine.diagnosing import diagnose  # noqa: PLC0415 - see main.py
    from glassbridge.engine.snapshot_files import describe_snapshot  # noqa: PLC0415 - see main.py

    known, networks = ((), ()) if state else (sandboxes_if_known(), networks_if_known())
    survey = survey_of(state, known, networks)
    return diagnose(survey, name, describe_snapshot(survey.snapshot, state) if state else "")


def _show(diagnosis: Diagnosis) -> None:
    from glassbridge.app.cli.doctor_screen import doctor_screen  # noqa: PLC0415 - see main.py

    if diagnosis.findings:
        click.echo(doctor_screen(diagnosis))
    elif sys.stderr.isatty():
        click.echo(doctor_screen(diagnosis), err=True)
