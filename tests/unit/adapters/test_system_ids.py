import os
import threading

from vitne.adapters.clock import SystemIds


def test_no_byte_is_given_out_twice() -> None:
    ids = SystemIds()

    drawn = [ids.random_bytes(16) for _ in range(5000)]

    assert len(set(drawn)) == 5000
    assert {len(one) for one in drawn} == {16}


def test_any_size_is_given() -> None:
    ids = SystemIds()

    assert [len(ids.random_bytes(size)) for size in (0, 1, 8191, 8192, 8193, 100_000)] == [
        0,
        1,
        8191,
        8192,
        8193,
        100_000,
    ]


def test_threads_draw_from_stocks_of_their_own() -> None:
    ids = SystemIds()
    drawn: list[bytes] = []

    threads = [
        threading.Thread(target=lambda: drawn.extend(ids.random_bytes(16) for _ in range(2000)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(drawn)) == 8000


def test_a_forked_process_never_repeats_what_its_parent_gives_out() -> None:
    ids = SystemIds()
    ids.random_bytes(16)
    read, write = os.pipe()

    child = os.fork()
    if child == 0:
        os.write(write, ids.random_bytes(16))
        os._exit(0)
    os.waitpid(child, 0)

    assert os.read(read, 16) != ids.random_bytes(16)
