"""An application that signs, and dies at the worst moment: run by test_signing_sdk.py."""

import os
import signal
import sys
from typing import Any

from vitne.sdk import Client
from vitne.sdk.signing.ledger import Ledger


def client(**options: Any) -> Client:
    """A client that signs; the server's fixture says where and as whom."""
    return Client(
        os.environ["URL"],
        os.environ["KEY"],
        application="crm",
        service="crm-bff",
        tenant="acme",
        spool_dir=os.environ["SPOOL"],
        signing_key=os.environ["SIGNING_KEY"],
        backoff_first_s=0.02,
        backoff_max_s=0.1,
        **options,
    )


def record(audit: Client, count: int) -> None:
    """Record so many events, and print their ids."""
    for at in range(count):
        print(audit.record("crm.customer.viewed", actor="u", target=f"customer/a{at}").id)


def die() -> None:
    """As by SIGKILL, but that what was printed is told."""
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGKILL)


def numbered(sent: int, unsent: int) -> None:
    """Die with events that have a number and were not sent, after others that were."""
    audit = client(batch_max_age_s=3600.0)
    record(audit, sent)
    audit.flush(60)
    for at in range(unsent):
        audit.record("crm.customer.viewed", actor="u", target=f"customer/b{at}")
    die()


def answered() -> None:
    """Die when the log has the batch, and the sender has not learned it."""
    Ledger.answered = lambda _ledger: die()
    audit = client(batch_max_age_s=3600.0)
    record(audit, 20)
    audit.flush(60)


def away(count: int) -> None:
    """Die with events that are numbered and spooled, while the server is away."""
    audit = client(batch_max_age_s=0.01, batch_max_events=7)
    record(audit, count)
    while audit.stats().spooled < count:
        pass
    die()


if __name__ == "__main__":
    work = {"numbered": numbered, "answered": answered, "away": away}[sys.argv[1]]
    work(*map(int, sys.argv[2:]))
