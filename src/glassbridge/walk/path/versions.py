"""The two versions of IP, as headers have them."""

from typing import Final

V4: Final = 4
V6: Final = 6
