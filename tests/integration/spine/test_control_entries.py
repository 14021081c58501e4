"""Entries of the log's own: appended durably, timed by the writer, read back from the log."""

from vitne.core.entry.control import ConfigEntry
from vitne.core.entry.entry import VOID_DROPPED, VoidEntry, decode_entry
from vitne.core.values.types import Hash, LogId
from vitne.testing import FixedClock, temporary_server

ACME = LogId("acme")


def test_control_entries_follow_each_other_and_bear_the_writers_time() -> None:
    with temporary_server(clock=FixedClock()) as server:
        server.writer.create(ACME)
        before = server.adapters.store.log(ACME).next_index
        config = ConfigEntry(0, "publish", {"max_delay_s": 30})
        void = VoidEntry(0, 0, b"s" * 16, 3, 3, VOID_DROPPED, Hash(bytes(32)))

        indices = server.writer.control(ACME, [config, void])

        entries = [
            decode_entry(entry)
            for entry in server.adapters.store.entries(ACME, indices[0], indices[1] + 1)
        ]
        now_us = server.adapters.clock.now_us()
        assert list(indices) == [before, before + 1]
        assert [entry.recorded_us for entry in entries] == [now_us, now_us]
        assert isinstance(entries[1], VoidEntry)
        assert entries[1].occurred_us == now_us
