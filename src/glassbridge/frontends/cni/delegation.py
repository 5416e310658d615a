"""An IPAM plugin of somebody else: run with our own variables and configuration, as CNI has it."""

from contextlib import suppress

import msgspec

from glassbridge.errors import GlassbridgeError, Unavailable
from glassbridge.frontends.cni.decoding import without_nulls
from glassbridge.frontends.cni.failures import INTERNAL, BadEnvironment, IpamRefused
from glassbridge.frontends.cni.invocation import Command, Invocation
from glassbridge.frontends.cni.results import Result, parse_result
from glassbridge.frontends.cni.versions import SUPPORTED
from glassbridge.kernel.ipam_plugin import Outcome, find_plugin, run_plugin

_SECONDS = 60.0
"""The dhcp plugin may wait for its server; runtimes give up later, or not at all."""


class IpamPlugin:
    """One plugin, for one call of ours."""

    def __init__(self, name: str, invocation: Invocation, version: str, heard: list[bytes]) -> None:
        """Take note; `heard` gets what it prints on stderr."""
        self._name = name
        self._invocation = invocation
        self._version = version
        self._heard = heard

    def add(self) -> Result:
        """Lease addresses; what it may have half done is taken back."""
        try:
            said = self._run(Command.ADD)
            return parse_result(said, self._result_version(said), f"{self._name}'s result")
        except GlassbridgeError:
            self.take_back()
            raise

    def take_back(self) -> None:
        """DEL after a failure: the first error is the one to tell."""
        with suppress(GlassbridgeError):
            self._run(Command.DEL)

    def forward(self) -> None:
        """Pass our own command on; raises IpamRefused or Unavailable."""
        self._run(self._invocation.command)

    def _result_version(self, said: object) -> str:
        version = said.get("cniVersion") if isinstance(said, dict) else None
        return version if version in SUPPORTED else self._version

    def _run(self, command: Command) -> object:
        if not self._invocation.path:
            raise BadEnvironment("required env variables [CNI_PATH] missing")
        program = find_plugin(self._name, self._invocation.path)
        environment = {**self._invocation.environment, "CNI_COMMAND": command}
        outcome = run_plugin(program, environment, self._invocation.stdin, _SECONDS)
        if outcome.stderr:
            self._heard.append(outcome.stderr)
        said = _json(outcome)
        if outcome.status != 0:
            raise self._refusal(outcome, said)
        if command is Command.ADD and said is None:
            raise Unavailable(f"IPAM plugin {self._name} printed no result that is JSON")
        return said

    def _refusal(self, outcome: Outcome, said: object) -> IpamRefused:
        if not isinstance(said, dict):
            how = f"signal {-outcome.status}" if outcome.status < 0 else f"status {outcome.status}"
            last = outcome.stderr.decode(errors="replace").strip()[-400:]
            return IpamRefused(self._name, INTERNAL, f"ended with {how}", last)
        code = said.get("code")
        return IpamRefused(
            self._name,
            code if isinstance(code, int) and code > 0 else INTERNAL,
            str(said.get("msg", "")),
            str(said.get("details", "")),
        )


def _json(outcome: Outcome) -> object:
    try:
        return without_nulls(msgspec.json.decode(outcome.stdout)) if outcome.stdout else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
