"""Who else watches a log: witnesses, index auditors, time stamps, and policies that name them.

`ask_witnesses` collects cosignatures, `contradictions` keeps what witnesses and auditors object to.
`witness_service` is the other side: this server as a witness of other logs.
"""

from vitne.services.trust.ask_witnesses import WitnessEndpoint, Witnessing
from vitne.services.trust.audit_index import Audited, audit_once, find_fraud
from vitne.services.trust.auditor_reports import Auditors
from vitne.services.trust.contradictions import WitnessIncident, WitnessIncidents
from vitne.services.trust.cosignatures import CosignedHeads
from vitne.services.trust.heads_to_cosign import WitnessedHeads
from vitne.services.trust.policies import Base, PolicyTexts, base_log, read_base
from vitne.services.trust.time_stamps import Anchor, KeptStamp
from vitne.services.trust.witness_service import WitnessService
