"""An application that dies or ends: run by test_sdk_restarts.py. Prints the ids it recorded."""

import os
import signal
import sys

from vitne.sdk import Client

APP = {"application": "crm", "service": "crm-bff", "tenant": "acme"}


def killed(url: str, spool: str, count: int) -> None:
    """Record events until all are spooled, then be killed."""
    audit = Client(
        url,
        "right",
        **APP,
        spool_dir=spool,
        backoff_first_s=0.01,
        backoff_max_s=0.02,
        batch_max_age_s=0.01,
    )
    for at in range(count):
        print(audit.record("crm.customer.viewed", actor="u", target=f"customer/cus_{at}").id)
    while audit.stats().spooled < count:
        pass
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGKILL)


def leaving(url: str, spool: str) -> None:
    """Record an event, and end without a word."""
    audit = Client(url, "right", **APP, spool_dir=spool, batch_max_age_s=60.0)
    print(audit.record("crm.customer.viewed", actor="u", target="customer/c").id)


if __name__ == "__main__":
    if sys.argv[1] == "killed":
        killed(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        leaving(sys.argv[2], sys.argv[3])
