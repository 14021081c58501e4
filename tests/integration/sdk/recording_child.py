"""An application: run by test_sdk_with_server.py. Records as many events as each line says."""

import sys

from vitne.sdk import Client

if __name__ == "__main__":
    audit = Client(
        sys.argv[1],
        sys.argv[2],
        application="crm",
        service="crm-bff",
        tenant="acme",
        spool_dir=sys.argv[3],
        backoff_first_s=0.02,
        backoff_max_s=0.1,
        batch_max_age_s=0.02,
    )
    print("ready", flush=True)
    for line in sys.stdin:
        for at in range(int(line)):
            print(audit.record("crm.customer.viewed", actor="u", target=f"customer/c{at}").id)
        print("recorded", audit.flush(0.01), audit.stats().spooled, flush=True)
