"""Heads are cosigned by witnesses that are honest, slow, gone, confused or hostile."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from vitne.adapters.witness.http import HttpWitness
from vitne.core.tree.note import Signer, Verifier, open_note
from vitne.core.tree.signature import COSIGNATURE, MLDSA_COSIGNATURE
from vitne.core.values.types import LogId
from vitne.errors import ConfigurationError, UnavailableError

ACME = LogId("acme")


def honest(watch: Any, doors: Any, desk: Any, **more: Any) -> tuple[Any, Any, Any]:
    """A server, its only witness, and the door of it."""
    witness = desk("w.example", **more)
    door = doors(witness)
    watched = watch([door], [witness.signers])
    witness.follow(*watched.vkeys)
    watched.server.trust.witnesses.start(())
    return watched, witness, door


def test_every_head_is_cosigned_and_asked_for_from_the_last_one(
    watch: Any, doors: Any, desk: Any
) -> None:
    watched, _, door = honest(watch, doors, desk)
    watched.send(1)
    first = watched.publish()
    watched.until(lambda: watched.cosigned() == first)
    watched.send(10)
    second = watched.publish()

    watched.until(lambda: watched.cosigned() == second)

    assert [body.split(b"\n", 1)[0] for body in door.asked] == [b"old 0", b"old %d" % first]


def test_both_keys_of_a_witness_count_each_for_itself(watch: Any, doors: Any, desk: Any) -> None:
    watched, witness, _ = honest(watch, doors, desk, mldsa=True)
    watched.send()
    size = watched.publish()

    watched.until(lambda: watched.cosigned() == size)

    keys = [signer.verifier for signer in witness.signers]
    log = watched.server.trust.policies.signer(ACME).verifier
    opened = open_note(watched.server.trust.cosigned.newest(ACME), [log, *keys])
    kinds = [one.verifier.kind for one in opened.verified]
    assert sorted(kinds) == [1, COSIGNATURE, MLDSA_COSIGNATURE]


def test_one_of_two_keys_of_a_witness_is_not_both(watch: Any, doors: Any, desk: Any) -> None:
    """The names are equal; the quorum asks for two keys, and only one has signed."""
    witness = desk("w.example", mldsa=True)
    door = doors(witness)
    watched = watch([door], [witness.signers])
    witness.signers = witness.signers[:1]
    witness.follow(*watched.vkeys)
    watched.server.trust.witnesses.start(())
    watched.send()
    watched.publish()
    watched.until(lambda: watched.server.trust.witnesses.cosigned)

    assert watched.server.trust.cosigned.newest(ACME) is None
    assert watched.adapters.objects.get("log/acme/checkpoint.cosigned") is None


def test_what_it_forgot_the_witness_tells_it(watch: Any, doors: Any, desk: Any) -> None:
    """Nothing is kept of a lost cosignature: `old 0`, a conflict, and the proof from there."""
    watched, _, door = honest(watch, doors, desk)
    watched.send(1)
    size = watched.publish()
    watched.until(lambda: watched.cosigned() == size)
    watched.server.trust.witnesses.close()
    watched.adapters.objects.delete(["log/acme/checkpoint.cosigned"])
    door.asked.clear()

    watched.server = watched.open()
    watched.server.writer.start()
    watched.server.trust.witnesses.start([ACME])
    watched.until(lambda: watched.cosigned() == size)

    assert [body.split(b"\n", 1)[0] for body in door.asked] == [b"old 0", b"old %d" % size]
    assert watched.server.trust.incidents.all() == []


def test_a_witness_that_never_answers_holds_nobody_up(watch: Any, doors: Any, desk: Any) -> None:
    release = threading.Event()

    def slow(_path: str, _body: bytes) -> tuple[int, bytes]:
        release.wait(60)
        return 503, b""

    good = desk("w.example")
    stuck = Signer("slow.example", bytes(32), COSIGNATURE)
    watched = watch([doors(slow), doors(good)], [[stuck], good.signers], "any")
    good.follow(*watched.vkeys)
    watched.server.trust.witnesses.start(())
    for number in range(3):
        watched.send(10 * number + 1)
        size = watched.publish()
        watched.until(lambda size=size: watched.cosigned() == size)

    assert not release.is_set()
    release.set()


HOSTILE: dict[str, tuple[int, bytes]] = {
    "an answer that is no cosignature": (200, b"hello\n"),
    "no answer at all": (200, b""),
    "another's cosignature": (200, "— w.example AAAAAAAA\n".encode()),
    "bytes that are no text": (200, b"\xff\xfe\n"),
    "an endless answer": (200, b"x" * 200_000),
    "a redirect": (307, b""),
    "a fault": (500, b""),
    "too many requests": (429, b""),
    "an unknown log": (404, b"unknown log\n"),
    "a bad key": (403, b"no\n"),
    "a conflict without a size": (409, b"what?\n"),
    "a conflict over the size that was sent": (409, b"0\n"),
    "a conflict of many digits": (409, b"9" * 5_000),
    "a status that there is not": (299, b""),
    "422 for a first head": (422, b"no\n"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_a_witness_says_beside_a_contradiction_stops_nothing(
    watch: Any, doors: Any, name: str
) -> None:
    door = doors(lambda _path, _body: HOSTILE[name])
    watched = watch([door], [[Signer("w.example", bytes(32), COSIGNATURE)]])
    watched.server.trust.witnesses.start(())
    watched.send(1)
    first = watched.publish()
    watched.until(lambda: sum(one.failures for _, one in watched.server.trust.witnesses.places))
    watched.send(10)

    assert watched.publish() == first + 3
    assert watched.server.trust.cosigned.newest(ACME) is None
    assert watched.server.trust.incidents.reason(ACME) == ""
    assert watched.server.publish.rounds.halted == {}


def test_a_cosignature_of_an_older_head_is_not_taken_for_the_newer_one(
    watch: Any, doors: Any, desk: Any
) -> None:
    watched, witness, door = honest(watch, doors, desk)
    kept: list[tuple[int, bytes]] = []

    def replay(path: str, body: bytes) -> tuple[int, bytes]:
        answer: tuple[int, bytes] = witness(path, body)
        kept.append(answer)
        return kept[0]

    door.answer = replay
    watched.send(1)
    first = watched.publish()
    watched.until(lambda: watched.cosigned() == first)
    watched.send(10)
    watched.publish()
    watched.until(lambda: sum(one.failures for _, one in watched.server.trust.witnesses.places))

    assert watched.cosigned() == first


def contradicted(watched: Any) -> None:
    watched.until(lambda: watched.server.trust.incidents.reason(ACME))
    watched.until(lambda: ACME in watched.server.publish.rounds.halted)


def test_a_witness_that_is_ahead_stops_the_log_and_somebody_is_told(
    watch: Any, doors: Any, desk: Any
) -> None:
    watched, _, door = honest(watch, doors, desk)
    watched.send(1)
    size = watched.publish()
    watched.until(lambda: watched.cosigned() == size)
    door.answer = lambda _path, body: (409, b"1000\n") if body else (404, b"")
    watched.send(10)
    watched.publish()
    contradicted(watched)
    watched.send(20)

    assert watched.publish() == size + 3
    told = watched.server.adapters.store.records(LogId("vitne"), 0, 100)
    watched.until(
        lambda: (
            "system.pipeline.witness_refused"
            in [
                one.facets.type
                for one in watched.server.adapters.store.records(LogId("vitne"), 0, 100)
            ]
        )
    )
    assert told is not None
    (incident,) = (one for one in watched.server.trust.incidents.all() if one.tree == ACME)
    assert (incident.kind, incident.their_size, incident.note) == ("ahead", 1000, "")
    assert "has cosigned size 1000" in watched.server.trust.incidents.reason(ACME)


def test_a_refused_proof_is_a_fork_and_what_the_witness_shows_proves_it(
    watch: Any, doors: Any, desk: Any
) -> None:
    """The log's own key signed another history, which this store does not know."""
    watched, witness, door = honest(watch, doors, desk)
    other, elsewhere = desk("w.example"), watch([door], [witness.signers])
    other.follow(*watched.vkeys)
    door.answer = other
    elsewhere.server.trust.witnesses.start(())
    elsewhere.send(100)  # the keys in memory are the same ones, the entries are not
    size = elsewhere.publish()
    elsewhere.until(lambda: elsewhere.cosigned() == size)

    watched.send(1)
    watched.publish()
    contradicted(watched)

    (incident,) = (one for one in watched.server.trust.incidents.all() if one.tree == ACME)
    assert incident.kind == "fork"
    log = watched.server.trust.policies.signer(ACME).verifier
    shown = open_note(incident.note, [log, Verifier(witness.signers[0].vkey)])
    assert shown.text.startswith(f"{watched.server.logs.origin(ACME)}\n{size}\n")


def test_a_witness_that_refuses_a_proof_and_shows_our_own_head_is_only_confused(
    watch: Any, doors: Any, desk: Any
) -> None:
    watched, witness, door = honest(watch, doors, desk)
    watched.send(1)
    size = watched.publish()
    watched.until(lambda: watched.cosigned() == size)
    door.answer = lambda path, body: (422, b"no\n") if body else witness(path, body)
    watched.send(10)
    watched.publish()
    watched.until(lambda: sum(one.failures for _, one in watched.server.trust.witnesses.places))

    assert watched.server.trust.incidents.all() == []


def test_an_incident_outlives_a_restart_and_ends_when_the_witness_agrees(
    watch: Any, doors: Any, desk: Any
) -> None:
    watched, witness, door = honest(watch, doors, desk)
    watched.send(1)
    size = watched.publish()
    watched.until(lambda: watched.cosigned() == size)
    door.answer = lambda _path, body: (409, b"1000\n") if body else (404, b"")
    watched.send(10)
    watched.publish()
    contradicted(watched)
    watched.close()

    again = watched.server = watched.open()
    again.writer.start()
    again.trust.witnesses.resume()
    assert "has cosigned size 1000" in again.publish.rounds.halted[ACME]
    door.answer = witness
    again.trust.witnesses.start([ACME])
    watched.until(lambda: not again.trust.incidents.reason(ACME))
    watched.close()

    last = watched.server = watched.open()
    last.writer.start()
    last.trust.witnesses.resume()
    assert ACME not in last.publish.rounds.halted


def test_nothing_is_signed_after_a_start_before_a_witness_was_asked(
    watch: Any, doors: Any, desk: Any
) -> None:
    watched, _, door = honest(watch, doors, desk)
    watched.send(1)
    size = watched.publish()
    watched.until(lambda: watched.cosigned() == size)
    watched.close()

    release = threading.Event()
    answer = door.answer

    def later(path: str, body: bytes) -> tuple[int, bytes]:
        release.wait(60)
        found: tuple[int, bytes] = answer(path, body)
        return found

    door.answer = later
    watched.server = watched.open()
    watched.server.writer.start()
    watched.server.trust.witnesses.start(())
    watched.send(10)

    assert watched.publish() == size
    release.set()
    watched.until(lambda: watched.publish() == size + 3)


BRING: dict[str, Callable[[str, str], str]] = {
    "no cosignature": lambda note, _line: note,
    "a changed root": lambda note, line: note.replace("=\n\n", "A=\n\n", 1) + line,
    "no note": lambda _note, _line: "hello",
    "a forged line": lambda note, line: note + line[:-8] + "AAAAAA=\n",
}


@pytest.mark.parametrize("name", BRING)
def test_a_cosignature_that_is_brought_is_checked(
    watch: Any, doors: Any, desk: Any, name: str
) -> None:
    watched, witness, _ = honest(watch, doors, desk)
    watched.send(1)
    watched.publish()
    watched.server.trust.witnesses.close()
    head = watched.adapters.heads.head(ACME)
    text = head.note.partition("\n\n")[0] + "\n"
    line = witness.signers[0].sign(text, 5)

    with pytest.raises(Exception, match=r"."):
        watched.server.trust.heads.take(ACME, BRING[name](head.note, line))

    assert len(watched.server.trust.heads.take(ACME, head.note + line)) == 1


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://w.example",
        "http://w.example",
        "https://",
        "https://w.example/?x=1",
        "http://[::1",
    ],
)
def test_a_witness_far_away_is_asked_over_tls_alone(url: str) -> None:
    with pytest.raises(ConfigurationError):
        HttpWitness(url)


def test_a_witness_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(UnavailableError):
        HttpWitness("http://127.0.0.1:9").add(b"old 0\n")
