"""`--state`: answer from a snapshot instead of from this host."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from glassbridge.engine.survey import Reads
    from glassbridge.engine.targets import Surveyed
    from glassbridge.model.views import NetworkView, SandboxView

F = TypeVar("F", bound=Callable[..., Any])


def state_flag(command: F) -> F:
    """`--state FILE`."""
    return click.option(
        "--state", default="", metavar="FILE",
        help="Answer from a file that `glassbridge snapshot` wrote, on any system.",
    )(command)  # fmt: skip


def survey_of(
    state: str,
    known: "Sequence[SandboxView]" = (),
    networks: "Sequence[NetworkView]" = (),
    *,
    reads: "Reads" = "rules",
) -> "Surveyed":
    """This host, or the one in a file where `--state` names one."""
    if not state:
        from glassbridge.engine.survey import Survey  # noqa: PLC0415 - needs Linux; a file does not

        return Survey(known, networks, reads=reads)
    from glassbridge.engine.snapshot_files import read_snapshot  # noqa: PLC0415 - see main.py
    from glassbridge.engine.stored_survey import StoredSurvey  # noqa: PLC0415 - see main.py

    return StoredSurvey(read_snapshot(state))


def tell_state(state: str, surveyed: "Surveyed", *, as_json: bool) -> None:
    """Say on the first line that the answer is recorded; beside JSON, on stderr."""
    if state:
        from glassbridge.engine.snapshot_files import describe_snapshot  # noqa: PLC0415 - same

        click.echo(f"from {describe_snapshot(surveyed.snapshot, state)}", err=as_json)
