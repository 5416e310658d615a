"""What nft cannot print of iptables is no message for the person who asked something else."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

from glassbridge.kernel.nft import Nft


def test_listing_says_nothing_on_stderr(
    make_netns: Callable[[str], str], capfd: pytest.CaptureFixture[str]
) -> None:
    for tool, target in (("iptables-nft", "10.0.0.2:80"), ("ip6tables-nft", "[fd00::2]:80")):
        rule = f"-t nat -A PREROUTING -p tcp --dport 80 -j DNAT --to-destination {target}"
        subprocess.run([tool, *rule.split()], check=True)
    capfd.readouterr()
    subprocess.run(["nft", "list", "ruleset"], check=True, stdout=subprocess.DEVNULL)
    assert "DNAT not found" in capfd.readouterr().err  # else there is nothing to hush
    nft = Nft()
    try:
        assert "PREROUTING" in nft.list_text("ruleset")
    finally:
        nft.close()
    assert capfd.readouterr().err == ""
    subprocess.run(["sh", "-c", "echo heard >&2"], check=True)
    assert capfd.readouterr().err == "heard\n"
