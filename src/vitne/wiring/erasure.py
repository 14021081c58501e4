"""The chapter that erases, holds and lets expire."""

from vitne.errors import BadInputError, ConfigurationError
from vitne.services.erasure import RETENTION, Erase, Erasing, Holds, Retain, parse_rules
from vitne.services.processes import Loop
from vitne.wiring.adapters import Common
from vitne.wiring.intake import Intake
from vitne.wiring.seal import Sealing

_EXPIRE_S = 86_400


class Erasure:
    """Deletes sections of records; `logged` does the same and writes who asked for it.

    Raises:
        ConfigurationError: the setting `retention` is not well formed.
    """

    def __init__(self, common: Common, intake: Intake, seal: Sealing) -> None:
        adapters = common.adapters
        self._store = adapters.store
        self.erase = Erase(
            adapters,
            intake.writer.control,
            seal.segments.segments_lock,
            intake.preparation.forget_personal_values,
        )
        self.holds = Holds(adapters, intake.own_events)
        self.retain = Retain(adapters, self.erase)
        self.logged = Erasing(self.erase, self.retain, intake.own_events)
        try:
            self._rules = parse_rules(common.settings.retention)
        except BadInputError as error:
            raise ConfigurationError(f"retention: {error.message}", hint=error.hint) from error
        self._loop = Loop("retention", self.expire, _EXPIRE_S, leave=True)

    def start(self) -> None:
        """Finish the erasures that a crash left, and begin to let records expire once a day."""
        self.erase.resume()
        if self._rules:
            self._loop.start()

    def close(self) -> None:
        """Let nothing expire any more."""
        self._loop.close()

    def expire(self) -> int:
        """Let expire what the setting `retention` says, in every log; how many records went."""
        done = 0
        for info in self._store.logs():
            expired = self.logged.expire(info.log, self._rules, RETENTION)
            done += sum(len(one.records) for one in expired)
        return done
