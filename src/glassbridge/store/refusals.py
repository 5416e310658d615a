"""What a file system refuses, as errors of ours."""

from collections.abc import Iterator
from contextlib import contextmanager

from glassbridge.errors import PermissionRefused, Unavailable


@contextmanager
def refusals(attempt: str) -> Iterator[None]:
    """Raise PermissionRefused or Unavailable, saying `attempt`, for an OSError of the block."""
    try:
        yield
    except PermissionError as error:
        raise PermissionRefused(
            f"{attempt}: {error.strerror}", hint="run as root, or in a lab"
        ) from None
    except OSError as error:
        raise Unavailable(f"{attempt}: {error.strerror}") from None
