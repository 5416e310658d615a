"""Errors as Docker shows them: one line behind `remote: `, and HTTP 200 below it.

dockerd puts the text behind `remote: ` only when the call itself was answered; of another status
it shows the method's name instead.
"""

from enum import StrEnum

from glassbridge.errors import GlassbridgeError

REFUSED = 200


class ErrorKey(StrEnum):
    """Which member of an answer says that a call failed."""

    DRIVER = "Err"
    IPAM = "Error"


def describe_failure(key: ErrorKey, error: GlassbridgeError) -> dict[str, str]:
    """Put message and hint on the one line that there is."""
    text = f"{error.message} ({error.hint})" if error.hint else error.message
    return {key: " ".join(text.split())}
