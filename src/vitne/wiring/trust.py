"""The chapter of witnesses, auditors and time stamps."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from hashlib import sha256
from typing import Any, Final

import msgspec

from vitne.core.tree.note import Verifier
from vitne.core.values import LogId, format_utc, uuid8_for_original, uuid_text
from vitne.errors import ConfigurationError, VitneError
from vitne.evidence.bundle.document import StampMember
from vitne.services.access import OPERATOR, OwnEvents
from vitne.services.processes import Loop
from vitne.services.trust import (
    Anchor,
    Auditors,
    Base,
    CosignedHeads,
    PolicyTexts,
    WitnessedHeads,
    WitnessEndpoint,
    WitnessIncident,
    WitnessIncidents,
    Witnessing,
    base_log,
    read_base,
)
from vitne.wiring.adapters import Adapters, Common

INCIDENT_TYPE: Final = "system.pipeline.witness_refused"

_LOG: Final = logging.getLogger("vitne.witness")
_MOST_PLACES: Final = 32
_WITNESS_LOOK_S: Final = 300
_ANCHOR_LOOK_S: Final = 60


class Trust:
    """Who else watches the logs: policies, witnesses, auditors and time stamps.

    Args:
        common: what it stands on.
        own: writes the events about contradictions.
        halt: publishes a tree no more.
    """

    def __init__(self, common: Common, own: OwnEvents, halt: Callable[[LogId, str], None]) -> None:
        adapters, settings = common.adapters, common.settings
        self._store = adapters.store
        self.policies = PolicyTexts(
            common.logs,
            read_base(adapters.log_policy, "log_policy"),
            read_base(adapters.index_policy, "index_policy"),
        )
        self.incidents = WitnessIncidents(adapters.objects)
        self.cosigned = CosignedHeads(adapters.objects, self.policies, self.incidents)
        self.heads = WitnessedHeads(adapters, self.policies)
        record = partial(_record_event, own)
        self.auditors = Auditors(self.policies, self.heads, self.incidents, adapters.clock, record)
        self.witnesses = Witnessing(
            _places(adapters, self.policies) if common.serving else (),
            self.policies,
            self.heads,
            self.incidents,
            clock=adapters.clock,
            halt=halt,
            record_event=record,
            interval_s=settings.witness_interval_ms / 1000,
        )
        self.stamps = Anchor(
            adapters,
            adapters.authorities,
            adapters.stamps,
            newest=self.cosigned.newest,
            interval_s=settings.stamp_interval_s,
        )
        self._looking = Loop("witnessing", self._look, _WITNESS_LOOK_S, leave=True)
        self._stamping = Loop("anchoring", self.stamps.run_once, _ANCHOR_LOOK_S, leave=True)
        self._authorities = adapters.authorities

    def start(self) -> None:
        """Begin to ask witnesses and authorities, where there are any."""
        if self.witnesses.places:
            _LOG.info("heads are cosigned by %d witnesses", len(self.witnesses.places))
            self.witnesses.start(())
            self._looking.start()
        if self._authorities:
            _LOG.info("checkpoints are stamped by %d authorities", len(self._authorities))
            self._stamping.start()

    def close(self) -> None:
        """Stop asking."""
        with ExitStack() as stack:
            for one in (self._stamping, self.witnesses, self._looking):
                stack.callback(one.close)

    def stamp_facts(self, log: LogId, note: str) -> Sequence[StampMember]:
        """The time stamps of a checkpoint, as a bundle attaches them."""
        # Looking for stamps reads a folder; without an authority there is none.
        found = self.stamps.stamps(log) if self._authorities else ()
        over = sha256(note.encode()).digest()
        return [StampMember("rfc3161", over, one.token) for one in found if one.note == note]

    def _look(self) -> None:
        self.witnesses.look([info.log for info in self._store.logs()])


def _places(adapters: Adapters, policies: PolicyTexts) -> Sequence[WitnessEndpoint]:
    """Every address that a policy names, once."""
    log, index = policies.base(LogId("a")), policies.base(LogId("a/index"))
    by_url: dict[str, dict[str, Verifier]] = {}
    for base in (log, index):
        for url, found in _addresses(base).items():
            by_url.setdefault(url, {}).update(found)
    if len(by_url) > _MOST_PLACES:
        raise ConfigurationError(f"at most {_MOST_PLACES} witnesses can be asked")
    open_ = adapters.witness_at
    if open_ is None:
        return ()
    return [
        WitnessEndpoint(
            open_(url),
            tuple(found.values()),
            for_logs=url in _addresses(log),
            for_indexes=url in _addresses(index),
        )
        for url, found in by_url.items()
    ]


def _addresses(base: Base) -> Mapping[str, Mapping[str, Verifier]]:
    """Address → its keys, by vkey."""
    found: dict[str, dict[str, Verifier]] = {}
    for name, url in base.policy.urls.items():
        verifier = base.policy.witnesses[name]
        found.setdefault(url.rstrip("/"), {})[verifier.vkey] = verifier
    return found


def _record_event(own: OwnEvents, incident: WitnessIncident) -> None:
    """The event in the operator's log, and a line in the program log whatever becomes of it."""
    log = base_log(incident.tree)
    about = f"{incident.tree}/{incident.witness}/{incident.kind}/{incident.at_us}"
    event: dict[str, Any] = {
        "id": uuid_text(uuid8_for_original("vitne/witness", about)),
        "type": INCIDENT_TYPE,
        "category": "system",
        "severity": "critical",
        "occurred_at": format_utc(incident.at_us),
        "tenant": {"id": OPERATOR},
        "actor": {"type": "system", "id": "vitne/api", "party": "vendor", "attribution": "none"},
        "targets": [{"type": "log", "id": log, "role": "object"}],
        "outcome": {"result": "failed", "code": incident.kind},
        "extra": {
            "witness": incident.witness,
            "tree": "log" if log == incident.tree else "index",
            "our_size": incident.our_size,
            "their_size": incident.their_size,
            "proven": bool(incident.note),
            **({"said": incident.said} if incident.said else {}),
        },
    }
    try:
        own.send({OPERATOR: msgspec.json.encode(event)})
    except VitneError as error:
        _LOG.error("an incident is not in the operator's log: %s: %s", error.code, error)
