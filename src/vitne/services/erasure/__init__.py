"""Erasure, legal holds and expiry of records; proofs stay valid.

`erase` deletes sections and keeps their commitments, `holds` keeps records from it, `expiry`
deletes by retention class. Each act is an event of the log.
"""

from vitne.services.erasure.erase import Erase, ErasePlan, ErasureRequest
from vitne.services.erasure.expiry import Expiry, Retain, parse_rules
from vitne.services.erasure.holds import Holds
from vitne.services.erasure.logged import RETENTION, Erasing
