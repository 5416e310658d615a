"""Networks of other engines, where only ours will do."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from glassbridge.app.everybody import network_called
from glassbridge.app.service import connect
from glassbridge.errors import NotFound
from glassbridge.model.container import NetworkWish


@contextmanager
def ours_to_join(wishes: Sequence[NetworkWish]) -> Iterator[None]:
    """Say whose a network is that our daemon does not know by the name that its engine has for it.

    Raises Conflict in place of NotFound.
    """
    try:
        yield
    except NotFound as unknown:
        from glassbridge.engine.management import refuse_managed  # noqa: PLC0415 - only for a mistake

        with connect() as daemon:
            for wish in wishes:
                with suppress(NotFound):
                    refuse_managed(network_called(daemon, wish.network).network)
        raise unknown from None
