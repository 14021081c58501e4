"""What holds of the SDK's parts for any input."""

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from vitne.core.event.forbidden import is_card_number
from vitne.core.values.text import is_clean
from vitne.sdk.delivery.event_item import EventItem, encode_frame, mark_spooled, read_frames
from vitne.sdk.delivery.spool import Spool
from vitne.sdk.delivery.stats import Watermark
from vitne.sdk.events.clean import cleaned_event, needs_cleaning

ROOM = 1 << 20

bodies = st.lists(st.binary(max_size=50), max_size=20)


@given(bodies, st.data())
def test_a_segment_cut_anywhere_gives_the_frames_before_the_cut(
    given_bodies: list[bytes], data: st.DataObject
) -> None:
    frames = [encode_frame(at, body) for at, body in enumerate(given_bodies)]
    whole = b"".join(frames)
    cut = data.draw(st.integers(0, len(whole)))

    found = read_frames(whole[:cut], 100, ROOM)

    ends = [sum(map(len, frames[: at + 1])) for at in range(len(frames))]
    assert found.bodies == [(at, b) for at, b in enumerate(given_bodies) if ends[at] <= cut]
    assert found.damaged == 0


@given(bodies.filter(bool), st.data())
def test_no_flipped_bit_is_read_as_an_event(given_bodies: list[bytes], data: st.DataObject) -> None:
    whole = bytearray(b"".join(encode_frame(at, body) for at, body in enumerate(given_bodies)))
    at = data.draw(st.integers(0, len(whole) * 8 - 1))
    whole[at // 8] ^= 1 << at % 8

    found = read_frames(bytes(whole), 100, ROOM)

    sent = list(enumerate(given_bodies))
    assert set(found.bodies) < set(sent)


@given(st.lists(st.integers(0, 30), max_size=60))
def test_the_watermark_is_the_longest_settled_run_from_one(ordinals: list[int]) -> None:
    mark, settled = Watermark(), set()

    for ordinal in ordinals:
        mark.settle([ordinal])
        settled.add(ordinal)
        expected = next(n for n in range(32) if n + 1 not in settled)
        assert mark.value == expected


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("append"), st.integers(1, 6)),
            st.tuples(st.just("take"), st.integers(1, 5)),
            st.just(("reopen", 0)),
        ),
        max_size=30,
    )
)
def test_a_spool_is_a_queue_that_a_restart_only_ever_repeats(
    steps: list[tuple[str, int]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run"
        spool = Spool(path, max_bytes=ROOM, fsync="never")
        waiting: list[int] = []
        last = 0
        for step, count in steps:
            if step == "append":
                new = [_item(last + at) for at in range(1, count + 1)]
                last += count
                waiting += [item.ordinal for item in new]
                assert spool.append(new, sync=False) == count
            elif step == "take":
                taken = [item.ordinal for item in spool.peek(count, ROOM)]
                again = waiting[: len(taken)]
                assert taken == again
                assert bool(taken) == bool(waiting)
                spool.done()
                del waiting[: len(taken)]
            else:
                spool.close()
                spool = Spool(path, max_bytes=ROOM, fsync="never")
                shown = [item.ordinal for item in spool.peek(1000, ROOM)]
                if not shown:
                    assert not waiting
                    continue
                assert shown == list(range(shown[0], shown[0] + len(shown)))
                assert shown[0] <= min(waiting, default=last)
                waiting = list(range(shown[0], last + 1))
        spool.close()


def _item(ordinal: int) -> EventItem:
    return EventItem(ordinal, str(ordinal), "t", b'{"id":"%d","tenant":{"id":"t"}}' % ordinal)


@given(st.integers(1, 10**9), st.booleans())
def test_the_mark_of_a_spooled_event_is_valid_json_and_is_set_once(seq: int, end: bool) -> None:
    tail = b',"end":true}}' if end else b"}}"
    body = b'{"id":"x","stream":{"id":"s","seq":%d%b' % (seq, tail)

    marked = mark_spooled(mark_spooled(body))

    event = json.loads(body)
    event["stream"]["spooled"] = True
    assert json.loads(marked) == event


values = st.recursive(
    st.one_of(
        st.text(max_size=30), st.integers(), st.booleans(), st.from_regex(r"[45][0-9 -]{12,19}")
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text("abc", max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)
events = st.dictionaries(
    st.sampled_from(["actor", "targets", "extra", "summary", "outcome"]), values, max_size=4
)


@given(events)
def test_cleaning_leaves_clean_text_without_cards_and_nothing_to_clean_again(
    event: dict[str, Any],
) -> None:
    result, _ = cleaned_event(event)

    for text in _texts(result):
        assert is_clean(text)
        assert not is_card_number(text)
    assert cleaned_event(result) == (result, [])


@given(events)
def test_what_needs_no_cleaning_is_not_changed_by_it(event: dict[str, Any]) -> None:
    encoded = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "replace"
    )

    if not needs_cleaning(event, encoded):
        assert cleaned_event(event) == (event, [])


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for member in value.values() for text in _texts(member)]
    if isinstance(value, list):
        return [text for member in value for text in _texts(member)]
    return []
