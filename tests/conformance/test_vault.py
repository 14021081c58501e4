"""Private keys and index secrets."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from vitne.core.values.types import LogId, Origin
from vitne.errors import ConflictError, NotFoundError
from vitne.ports import KeyVault

ACME, BETA = LogId("acme"), LogId("beta")
ORIGIN = Origin("vitne.test/log/acme")


def test_a_seed_is_the_same_at_every_call_and_after_a_restart(
    open_vault: Callable[[], KeyVault],
) -> None:
    seed = open_vault().seed(ORIGIN, "log")

    assert len(seed) == 32
    assert open_vault().seed(ORIGIN, "log") == seed


def test_every_role_and_origin_has_a_seed_of_its_own(vault: KeyVault) -> None:
    origins = [ORIGIN, Origin("vitne.test/log/beta"), Origin("")]
    seeds = {
        vault.seed(origin, role) for origin in origins for role in ("log", "receipt", "index-log")
    }

    assert len(seeds) == 9


def test_an_epoch_that_was_never_made_has_no_key(vault: KeyVault) -> None:
    vault.create_index_secret(ACME, 1)

    for log, epoch in ((ACME, 0), (ACME, 2), (BETA, 1)):
        with pytest.raises(NotFoundError):
            vault.index_secret(log, epoch)


def test_an_index_secret_is_made_once_and_lasts(open_vault: Callable[[], KeyVault]) -> None:
    vault = open_vault()
    key = vault.create_index_secret(ACME, 1)

    assert len(key) == 32
    assert vault.create_index_secret(ACME, 1) == key
    assert vault.index_secret(ACME, 1) == key
    assert open_vault().create_index_secret(ACME, 1) == key
    assert open_vault().index_secret(ACME, 1) == key


def test_threads_that_make_one_key_at_once_all_get_the_same(vault: KeyVault) -> None:
    together = Barrier(8)

    def make(epoch: int) -> bytes:
        together.wait()
        return vault.create_index_secret(ACME, epoch)

    with ThreadPoolExecutor(8) as pool:
        for epoch in range(1, 21):
            assert len(set(pool.map(make, [epoch] * 8))) == 1


def test_every_log_and_epoch_has_a_key_of_its_own(vault: KeyVault) -> None:
    keys = {vault.create_index_secret(log, epoch) for log in (ACME, BETA) for epoch in (0, 1, 2)}

    assert len(keys) == 6


def test_a_destroyed_key_is_gone_for_good_and_no_other_with_it(
    open_vault: Callable[[], Any],
) -> None:
    vault = open_vault()
    kept = vault.create_index_secret(ACME, 1)
    vault.create_index_secret(ACME, 2)

    vault.destroy_index_secret(ACME, 2)
    vault.destroy_index_secret(ACME, 2)

    for view in (vault, open_vault()):
        assert view.index_secret(ACME, 1) == kept
        with pytest.raises(NotFoundError):
            view.index_secret(ACME, 2)
        with pytest.raises(ConflictError):
            view.create_index_secret(ACME, 2)


def test_what_never_was_cannot_be_destroyed(vault: Any) -> None:
    with pytest.raises(NotFoundError):
        vault.destroy_index_secret(ACME, 1)


def test_a_vault_never_shows_its_secrets(vault: KeyVault) -> None:
    secrets = [vault.seed(ORIGIN, "log"), vault.create_index_secret(ACME, 1)]

    for shown in (repr(vault), str(vault)):
        assert "***" in shown
        assert not any(secret.hex() in shown or repr(secret) in shown for secret in secrets)
