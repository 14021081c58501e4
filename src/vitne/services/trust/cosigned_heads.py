"""The newest heads of logs that enough witnesses have cosigned."""

from vitne.core.tree.checkpoint import Checkpoint
from vitne.core.tree.note import parse_note
from vitne.core.values.types import LogId
from vitne.errors import VitneError
from vitne.evidence.record.verify import check_head
from vitne.ports import ObjectStore
from vitne.services.log.keys import index_log_id
from vitne.services.log.published_files import COSIGNED, Published, log_key
from vitne.services.trust.contradictions import WitnessIncidents
from vitne.services.trust.policies import PolicyTexts


class CosignedHeads:
    """Heads that bundles may stand under. Any thread may ask."""

    def __init__(
        self, objects: ObjectStore, policies: PolicyTexts, incidents: WitnessIncidents
    ) -> None:
        self._objects = objects
        self._policies = policies
        self._incidents = incidents
        # Without a lock: two threads that check the same note come to the same.
        self._good: dict[LogId, bytes] = {}

    def log(self, log: LogId) -> str | None:
        """The newest head of a log that meets the quorum; None if there is none yet.

        Where the settings name no witness: the newest published one.
        """
        return self._newest(log)

    def index(self, log: LogId) -> str | None:
        """The same of the index log of a log."""
        return self._newest(index_log_id(log))

    def covers(self, log: LogId, position: int) -> bool:
        """Whether the newest such head of the index log covers a record."""
        note = self.index(log)
        return note is not None and Checkpoint.parse(parse_note(note)[0]).size > position

    def incident(self, log: LogId) -> str:
        """What a witness has against a log or its index log, in a sentence; `""`: nothing."""
        return self._incidents.reason(log)

    def objection(self, log: LogId) -> str:
        """What auditors have against the index log of a log, in a sentence; `""`: nothing."""
        found = self._incidents.objections(index_log_id(log))
        return " ".join(one.reason for one in found)

    def _newest(self, tree: LogId) -> str | None:
        if not self._policies.base(tree).asks:
            return Published(self._objects, tree).checkpoint()
        note = self._objects.get(log_key(tree, COSIGNED))
        return None if note is None or not self._holds(tree, note) else note.decode()

    def _holds(self, tree: LogId, note: bytes) -> bool:
        """Whether it meets the policy of today: the settings may have changed since."""
        if self._good.get(tree) == note:
            return True
        try:
            check_head(note.decode("utf-8", "replace"), self._policies.policy(tree))
        except VitneError:
            return False
        self._good[tree] = note
        return True
