"""Intake: from the bytes of a request to a prepared request that waits for the writer.

`events` prepares unsigned events, `signed_batch` what a sender signed; `workers` does the same in
processes. `dedupe_window` recognises retries, `quota` limits each source.
"""

from vitne.services.intake.dedupe_window import Find, Forget
from vitne.services.intake.events import Preparer, core_record
from vitne.services.intake.intake import Ingest
from vitne.services.intake.quota import Quota
from vitne.services.intake.refusal_counts import CountReporter
from vitne.services.intake.system_events import SystemEvents
from vitne.services.intake.workers import PreparePool, processes_for
