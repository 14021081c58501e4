"""How the services that have heads cosigned are put together."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from vitne.core.tree.note import Verifier
from vitne.core.values.ids import to_text, uuid8_for_original
from vitne.core.values.times import format_utc
from vitne.core.values.types import LogId
from vitne.errors import ConfigurationError, VitneError
from vitne.services.access.audit_events import OPERATOR, OwnEvents
from vitne.services.log.keys import LogKeys
from vitne.services.log.names import Logs
from vitne.services.trust.ask_witnesses import WitnessEndpoint, Witnessing
from vitne.services.trust.auditor_reports import Auditors
from vitne.services.trust.contradictions import WitnessIncident, WitnessIncidents
from vitne.services.trust.heads_to_cosign import WitnessedHeads
from vitne.services.trust.policies import Base, PolicyTexts, base_log, read_base
from vitne.settings import Settings
from vitne.wiring.adapters import Adapters

__all__ = ["INCIDENT_TYPE", "auditors_of", "policies_of", "witnessing_of"]

INCIDENT_TYPE: Final = "system.pipeline.witness_refused"

_LOG: Final = logging.getLogger("vitne.witness")
_MOST_PLACES: Final = 32


def policies_of(adapters: Adapters, keys: LogKeys, logs: Logs) -> PolicyTexts:
    """The policies of all logs. Raises `ConfigurationError`."""
    return PolicyTexts(
        keys,
        logs,
        read_base(adapters.log_policy, "log_policy"),
        read_base(adapters.index_policy, "index_policy"),
    )


def witnessing_of(  # noqa: PLR0913 - what it stands on
    adapters: Adapters,
    settings: Settings,
    policies: PolicyTexts,
    heads: WitnessedHeads,
    incidents: WitnessIncidents,
    *,
    own: OwnEvents,
    halt: Callable[[LogId, str], None],
    serving: bool,
) -> Witnessing:
    """What asks the witnesses. Raises `ConfigurationError`: an address that is none."""
    return Witnessing(
        _places(adapters, policies) if serving else (),
        policies,
        heads,
        incidents,
        clock=adapters.clock,
        halt=halt,
        record_event=lambda incident: _record_event(own, incident),
        interval_s=settings.witness_interval_ms / 1000,
    )


def auditors_of(
    adapters: Adapters,
    policies: PolicyTexts,
    heads: WitnessedHeads,
    incidents: WitnessIncidents,
    *,
    own: OwnEvents,
) -> Auditors:
    """What takes the word of auditors."""
    return Auditors(
        policies, heads, incidents, adapters.clock, lambda incident: _record_event(own, incident)
    )


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
        "id": to_text(uuid8_for_original("vitne/witness", about)),
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
