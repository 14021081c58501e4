"""Whose words count for each log: its own key, and the witnesses that the settings name.

The settings name two C2SP policy files, one for logs and one for index logs. Their `log` lines are
not used: every log brings its own key.
"""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from vitne.core.tree.note import Signer
from vitne.core.values import LogId
from vitne.errors import BadInputError, ConfigurationError
from vitne.evidence.policy import Policy, parse_policy
from vitne.services.log import INDEX_SUFFIX, Logs

_NONE: Final = "quorum none\n"
_LOG: Final = "log"


class Base(Struct, frozen=True):
    """What the policies of all logs, or of all index logs, share."""

    lines: str
    """Witnesses, groups and the quorum, without `log` lines."""
    policy: Policy

    @property
    def asks(self) -> bool:
        """Whether a head needs anybody's signature but the log's."""
        return self.policy.quorum != "none"


def read_base(text: str, where: str) -> Base:
    """Read what a settings file says; `""` asks for no witness.

    Raises:
        ConfigurationError: it is no policy; says where.
    """
    try:
        policy = parse_policy(text or _NONE)
    except BadInputError as error:
        raise ConfigurationError(f"{where}: {error.message}", where=error.where) from None
    kept = [line for line in (text or _NONE).split("\n") if not _skipped(line)]
    return Base("".join(f"{line}\n" for line in kept), replace(policy, logs=()))


def _skipped(line: str) -> bool:
    words = line.replace("\t", " ").split(" ")
    first = next((word for word in words if word.strip()), "")
    return not first or first.startswith("#") or first == _LOG


def base_log(tree: LogId) -> LogId:
    """The log that a tree is, or is the index log of."""
    return LogId(tree.removesuffix(INDEX_SUFFIX))


class PolicyTexts:
    """The policies of every log and index log. Any thread may ask."""

    def __init__(self, logs: Logs, log: Base, index: Base) -> None:
        self._logs = logs
        self._bases: Mapping[bool, Base] = {False: log, True: index}

    def texts(self, log: LogId) -> tuple[str, str]:
        """Of the log and of its index log, complete. Raises `NotFoundError`."""
        origin = self._logs.origin(log)
        own, index = self._logs.log_signer(origin), self._logs.index_signer(origin)
        return (
            f"log {own.vkey}\n{self._bases[False].lines}",
            f"log {index.vkey}\n{self._bases[True].lines}",
        )

    def base(self, tree: LogId) -> Base:
        """What the policy of a tree shares with others of its kind."""
        return self._bases[base_log(tree) != tree]

    def signer(self, tree: LogId) -> Signer:
        """The key of a tree. Raises `NotFoundError`."""
        log = base_log(tree)
        origin = self._logs.origin(log)
        signer = self._logs.log_signer if log == tree else self._logs.index_signer
        return signer(origin)

    def policy(self, tree: LogId) -> Policy:
        """The policy of a tree. Raises `NotFoundError`."""
        return replace(self.base(tree).policy, logs=(self.signer(tree).verifier,))
