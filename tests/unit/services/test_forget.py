import json

from vitne.core.ids import from_text
from vitne.core.types import LeafIndex, LogId
from vitne.services.forget import Forget
from vitne.services.reply import Arrival
from vitne.testing import FixedClock, memory_house, sample_event, sample_key
from vitne.wiring import House

ACME = LogId("acme")
DAY_US = 86_400_000_000
ID = from_text(sample_event(1)["id"])


def house_with_one_event(clock: FixedClock) -> House:
    house = memory_house(clock=clock)
    house.append.create(ACME)
    body = json.dumps(sample_event(1)).encode()
    house.ingest.submit(body, "json", sample_key("acme"), Arrival())
    house.append.write(house.append.waiting.take(1))
    return house


def test_an_id_is_kept_while_its_row_is_hot() -> None:
    clock = FixedClock()
    store = house_with_one_event(clock).store
    clock.advance(30 * DAY_US)

    gone = Forget(store, clock, 7 * DAY_US).run_once()

    assert gone == 0
    assert store.recall(ACME, ID) is not None


def test_an_id_is_forgotten_once_it_is_sealed_and_older_than_the_window() -> None:
    clock = FixedClock()
    house = house_with_one_event(clock)
    archive = house.adapters.archive
    sealed = archive.write(ACME, house.store.records(ACME, LeafIndex(0), LeafIndex(5)))
    house.adapters.segments.add(ACME, sealed)
    house.store.drop(ACME, LeafIndex(5))
    forget = Forget(house.store, clock, 7 * DAY_US)

    early = forget.run_once()
    clock.advance(8 * DAY_US)
    late = forget.run_once()

    assert (early, late) == (0, 1)
    assert house.store.recall(ACME, ID) is None
