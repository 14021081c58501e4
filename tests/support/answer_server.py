"""A server that answers questions, over a folder of its own.

Time stands still until it is moved, publishing and sealing happen when they are told to. Its index
is that of the segments, or one that is computed anew from the published entries by `core.index.gap`
and `core.index.index_record`: so it is an oracle of that index as well as a place to ask.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Self

import msgspec

from vitne.answers.ask_request import QuestionRequest, read_question
from vitne.core.entry.control import StreamEntry
from vitne.core.entry.keys import stream_id
from vitne.core.index.coverage import CoverageCounter
from vitne.core.index.gap import Run, build_run, gap_leaves, run_root
from vitne.core.index.index_record import describe_run
from vitne.core.tree.checkpoint import Checkpoint
from vitne.core.tree.merkle import leaf_hash, merkle_root
from vitne.core.tree.multiproof import multiproof_ranges
from vitne.core.tree.note import Signer, parse_note, sign_note
from vitne.core.tree.tile import encode_bundle
from vitne.core.tree.tile_reader import TileReader
from vitne.core.values.times import format_utc
from vitne.core.values.types import LogId, Origin
from vitne.ports import ApiKey, GapAnswer, Segment
from vitne.services.access.audit_events import AuditPurpose, Caller, OwnEvents
from vitne.services.access.logged_reads import LoggedReads
from vitne.services.answers.answer import AnsweredQuestion, Answers
from vitne.services.answers.inputs import FactSources
from vitne.services.answers.source_summaries import SourceSummaries
from vitne.services.log.published_files import Published
from vitne.services.writer.pending_request import Arrival
from vitne.testing import FixedClock, sample_event, sample_key, temporary_server
from vitne.wire.events import IntakeReply

ACME = LogId("acme")
HOUR_US = 3_600_000_000
CALLER = Caller("usr_auditor", purpose=AuditPurpose("complaint", "CASE-1"))


class AnswerServer:
    """The tenant `acme`, and whoever asks about it.

    Args:
        index: `made`, by sealing, or by `definition`.
    """

    def __init__(self, index: Literal["made", "definition"] = "definition") -> None:
        self.clock = FixedClock()
        self.server = temporary_server(clock=self.clock)
        adapters = self.server.adapters
        self.server.writer.start()
        self.server.writer.create(ACME)
        self.sealing = True
        """Whether a question may have the newest entries sealed."""
        self.trouble = ""
        self.objection = ""
        self.by_definition = index == "definition"
        self._runs: dict[tuple[int, int], Run] = {}
        self._counters: dict[int, CoverageCounter] = {}
        self._index_note = ""
        self._signer = Signer(f"{self.origin}/index", bytes(range(32)))
        self.sources = SourceSummaries(adapters)
        ports = adapters
        if self.by_definition:
            ports = dataclasses.replace(adapters, archive=_ArchiveByDefinition(self), segments=self)
        self._ask = Answers(
            ports,
            self.server.logs,
            self.sources,
            self._fact_sources(),
            pause=lambda _s: None,
        )
        self.reading = LoggedReads(OwnEvents(self.server.intake.requests, "api"))

    def _fact_sources(self) -> FactSources:
        made, defined = self.server.trust.cosigned, self.by_definition
        return FactSources(
            log_note=self._log_note if defined else made.newest,
            index_note=(lambda _log: self._index_note or None) if defined else made.index,
            policies=self._policies if defined else self.server.trust.policies.texts,
            counter=self._counter,
            senders=self.server.senders.batches.sender_proof,
            erased=self.server.erasure.erase.erased_by,
            seal_on_demand=self._seal_on_demand,
            stamps=lambda _log, _note: [],
            trouble=lambda _log: self.trouble,
            objection=lambda _log: self.objection,
            behind=lambda _log: (0, ()),
            nudge=self.publish,
        )

    def _log_note(self, log: LogId) -> str | None:
        return Published(self.server.adapters.objects, log).checkpoint()

    def _policies(self, log: LogId) -> tuple[str, str]:
        signers = self.server.logs.log_signer(self.server.logs.origin(log)), self._signer
        log_text, index_text = (f"log {signer.vkey}\nquorum none\n" for signer in signers)
        return log_text, index_text

    def _counter(self, log: LogId, record: int) -> CoverageCounter | None:
        if self.by_definition:
            return self._counters.get(record)
        return self.server.seal.index_log.troubles(log, record)

    def __enter__(self) -> Self:
        """It runs already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End its thread, and close its files."""
        self.server.writer.close()
        self.server.close()

    @property
    def origin(self) -> Origin:
        """Of the log."""
        return self.server.logs.origin(ACME)

    # ------------------------------------------------------------ what is logged

    def send(
        self, events: Sequence[dict[str, Any]], *, key: ApiKey | None = None, taken: bool = True
    ) -> IntakeReply:
        """Send events; all must be taken, unless the test says otherwise."""
        body = msgspec.json.encode(list(events))
        reply = self.server.intake.requests.submit(
            body, "json", key or sample_key("acme"), Arrival()
        )
        found = reply.result(timeout=30)
        assert not taken or found.accepted == len(events), found
        return found

    def event(self, number: int, stream: str = "pod-1", **more: Any) -> dict[str, Any]:
        """A complete event of now; `actor`, `target`, `attribution` and `issuer` are short."""
        made = sample_event(number, stream=stream, at_us=self.clock.now_us() // 1000 * 1000)
        made["occurred_at"] = more.pop("occurred_at", format_utc(self.clock.now_us()))
        if "actor" in more:
            made["actor"]["id"] = more.pop("actor")
        if "target" in more:
            kind, _, name = more.pop("target").partition("/")
            made["targets"][0] |= {"type": kind, "id": name}
        for name in ("attribution", "issuer"):
            if name in more:
                made["actor"][name] = more.pop(name)
        return made | more

    def beating_stream(self, name: str, beat_s: int = 60) -> None:
        """A stream opens that promises heartbeats."""
        source = "crm/crm-bff"
        key = stream_id(self.origin, source, name)
        entry = StreamEntry(1, key, source, name, "none", "sender", beat_s)
        self.server.writer.control(ACME, [entry])

    def later(self, hours: float = 1) -> int:
        """Time passes; what it is now."""
        return self.clock.advance(int(hours * HOUR_US))

    # ------------------------------------------------------------ what is published

    def publish(self) -> None:
        """Sign a checkpoint over everything."""
        while self.server.publish.rounds.run_once().more:
            pass

    def seal(self) -> None:
        """Seal what there is, and publish the index of it."""
        self.publish()
        self.server.seal.segments.seal_now(ACME)
        if self.by_definition:
            self.publish_index()

    def merge(self) -> None:
        """Put all segments together, and publish the index of that."""
        if not self.by_definition:
            self.server.seal.segments.merge(ACME)  # if there are enough of them
            return
        segments = self.server.adapters.segments.segments(ACME)
        if len(segments) > 1:
            archive = self.server.adapters.archive
            records = archive.records(ACME, segments[0].start, segments[-1].end)
            last = max(segment.record for segment in segments)
            merged = msgspec.structs.replace(archive.write(ACME, records), level=1, record=last)
            archive.remove(self.server.adapters.segments.merge(ACME, merged))
            self.publish_index()

    def _seal_on_demand(self, _log: LogId, _wait_s: float) -> bool:
        if self.sealing:
            self.seal()
        return self.sealing

    def published(self) -> TileReader:
        """The log's tiles."""
        published = Published(self.server.adapters.objects, ACME)
        note = published.checkpoint()
        assert note is not None
        return TileReader(published.get, Checkpoint.parse(parse_note(note)[0]).size)

    def publish_index(self) -> None:
        """Compute the index log anew, by definition."""
        tiles = self.published()
        records, counter = [], CoverageCounter()
        self._counters.clear()
        for position, segment in enumerate(self.server.adapters.segments.segments(ACME)):
            entries = tiles.entries(segment.start, segment.end)
            for entry in entries:
                counter.add(entry)
            leaves = gap_leaves(segment.start, entries)
            self._counters[position] = CoverageCounter.decode(counter.encode())
            record = describe_run(
                self.origin,
                segment.start,
                entries,
                log_root=tiles.root(segment.end),
                run=(len(leaves), run_root(leaves)),
                coverage=counter.coverage(),
            )
            records.append(record.encode())
        hashes = [leaf_hash(record) for record in records]
        assert len(records) < 256, "one tile is enough for a test"
        folder = f"log/{ACME}/index/tile"
        self.server.adapters.objects.replace(
            {
                f"{folder}/0/000.p/{len(records)}": b"".join(hashes),
                f"{folder}/entries/000.p/{len(records)}": encode_bundle(records),
            }
        )
        head = Checkpoint(Origin(self._signer.name), len(records), merkle_root(hashes))  # type: ignore[arg-type]  # a size
        self._index_note = sign_note(head.text(), [self._signer])

    # ------------------------------------------------------------ the index, as answers see it

    def segments(self, log: LogId) -> list[Segment]:
        """See the port: each with the position of its record."""
        listed = self.server.adapters.segments.segments(log)
        return [msgspec.structs.replace(segment, record=at) for at, segment in enumerate(listed)]

    def gaps(self, segment: Segment, keys: Sequence[bytes]) -> GapAnswer:
        """What a segment says of keys, by definition."""
        span = (segment.start, segment.end)
        run = self._runs.get(span)
        if run is None:
            run = self._runs[span] = build_run(span[0], self.published().entries(*span))
        positions = sorted({run.find(key) for key in keys})
        leaves = [leaf.encode() for leaf in run.leaves]
        hashes = [leaf_hash(leaf) for leaf in leaves]
        ranges = multiproof_ranges(len(leaves), positions)
        return GapAnswer(
            [(at, leaves[at]) for at in positions],
            [merkle_root(hashes[low:high]) for low, high in ranges],
            {at: run.postings[at] for at in positions if run.leaves[at].key in keys},
        )

    # ------------------------------------------------------------ asking

    def request(self, members: Mapping[str, Any]) -> QuestionRequest:
        """A question that is well formed."""
        found = read_question(members, self.clock.now_us())
        assert isinstance(found, QuestionRequest), found
        return found

    def ask(self, ask: str, **members: Any) -> AnsweredQuestion:
        """Ask; moments may be given in microseconds, as `from_` and `to`."""
        for name, member in (("from_", "from"), ("to", "to")):
            if name in members:
                value = members.pop(name)
                members[member] = f"@{value}" if isinstance(value, int) else value
        return self._ask.answer(ACME, self.request({"ask": ask, **members}), CALLER, self.reading)

    def events(self, *types: str) -> list[dict[str, Any]]:
        """The core and payload of every event of some types, in the log's order."""
        end = self.server.adapters.store.log(ACME).next_index
        store, archive = self.server.adapters.store, self.server.adapters.archive
        first = store.log(ACME).sealed_end
        records = [*archive.records(ACME, 0, first), *store.records(ACME, first, end)]  # type: ignore[arg-type]  # indices
        found = []
        for record in records:
            if record.event_id and record.facets.type in types:
                core = msgspec.json.decode(record.parts.core or b"{}", type=dict[str, Any])
                payload = msgspec.json.decode(record.parts.payload or b"{}", type=dict[str, Any])
                found.append(core | payload)
        return found


class _ArchiveByDefinition:
    """The archive of a server, but for its index: that one is computed anew."""

    def __init__(self, server: AnswerServer) -> None:
        self._server = server

    def __getattr__(self, name: str) -> Any:
        return getattr(self._server.server.adapters.archive, name)

    def expect(self, segments: Sequence[Segment], keys: Sequence[bytes]) -> None:
        """Nothing has to be read."""

    def gaps(self, _log: LogId, segment: Segment, keys: Sequence[bytes]) -> GapAnswer:
        return self._server.gaps(segment, keys)

    def postings(self, _log: LogId, segment: Segment, keys: Sequence[bytes]) -> list[int]:
        found = self._server.gaps(segment, keys).postings
        return sorted({at for held in found.values() for at in held})
