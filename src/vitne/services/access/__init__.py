"""Who may do what: tenants, API keys, and the events about those who read or administer.

`tenants_and_keys` makes, revokes and finds API keys. `logged_reads` writes an event for
every read before it is answered.
"""

from vitne.services.access.audit_events import (
    OPERATOR,
    AuditPurpose,
    Caller,
    EventIntake,
    OwnEvents,
    holder,
    parse_purpose,
)
from vitne.services.access.logged_reads import LoggedReads
from vitne.services.access.tenants_and_keys import KeyAuthenticator, KeyRequest, Onboard, readable
