import pytest

from vitne.errors import QuotaError
from vitne.services.intake.quota import Quota
from vitne.testing import FixedClock


def test_a_source_may_send_its_burst_and_then_waits_until_it_is_out_of_debt() -> None:
    clock = FixedClock()
    quota = Quota(clock, events_per_s=10, burst_events=100)
    quota.check("crm/bff")
    quota.pay("crm/bff", 120)

    with pytest.raises(QuotaError) as refused:
        quota.check("crm/bff")
    clock.advance((refused.value.retry_after_s - 1) * 1_000_000)
    with pytest.raises(QuotaError):
        quota.check("crm/bff")
    clock.advance(1_000_000)
    quota.check("crm/bff")

    assert refused.value.retry_after_s == 3
    assert quota.refused == 2


def test_the_flood_of_one_source_is_refused_and_leaves_the_others_alone() -> None:
    quota = Quota(FixedClock(), events_per_s=1, burst_events=10)
    quota.pay("pos/till", 1000)

    quota.check("crm/bff")
    with pytest.raises(QuotaError):
        quota.check("pos/till")
    assert quota.refused == 1


def test_a_bucket_never_holds_more_than_its_burst() -> None:
    clock = FixedClock()
    quota = Quota(clock, events_per_s=1000, burst_events=10)
    quota.check("crm/bff")
    clock.advance(3_600_000_000)
    quota.pay("crm/bff", 10)

    with pytest.raises(QuotaError):
        quota.check("crm/bff")


def test_a_clock_that_steps_back_neither_fills_nor_empties() -> None:
    clock = FixedClock()
    quota = Quota(clock, events_per_s=1, burst_events=5)
    quota.pay("crm/bff", 4)
    clock.advance(-500_000)

    quota.check("crm/bff")
    quota.pay("crm/bff", 1)
    with pytest.raises(QuotaError):
        quota.check("crm/bff")
