"""`vitne witness serve` and `vitne witness forks`: what needs the extra `server`."""

import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter
from msgspec import Struct

from vitne.api.log.witness import WitnessResource
from vitne.api.server import LOG, bounds_of, listen, serve_http, start_log
from vitne.cli.base.app import REFUSED
from vitne.cli.base.files import read_text
from vitne.cli.base.output import Json, Output, plain, second, table
from vitne.cli.base.signing_keys import read_policy, read_signer, trusted_keys
from vitne.core.values import count, format_utc
from vitne.errors import ConfigurationError
from vitne.ports import KeptFork
from vitne.settings import Settings
from vitne.wiring.witness import open_forks, open_witness

_CONFIG_BYTES_MAX = 1 << 20
_WORKERS = 4

Config = Annotated[Path | None, Parameter(help="TOML file; other options go before it.")]
Database = Annotated[Path | None, Parameter(help="What it remembers; witness.db.")]


class WitnessConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The file of `vitne witness serve`; paths are seen from its folder."""

    signing_key: str = ""
    """File with the private key of type 0x04, as `vitne witness key` makes it."""
    mldsa_signing_key: str = ""
    """File with a second one, of type 0x06; `""`: none."""
    policy: str = ""
    """C2SP tlog-policy; its `log` lines are followed, its other lines are not used."""
    trust: tuple[str, ...] = ()
    """Verifier keys of further logs."""
    database: str = "witness.db"
    host: str = "127.0.0.1"
    port: int = 8471


def serve_witness(  # noqa: PLR0913 - as many options as the file has members
    *,
    config: Config = None,
    signing_key: Annotated[
        Path | None,
        Parameter(help="File with the witness's private key, made by `vitne witness key`."),
    ] = None,
    mldsa_signing_key: Annotated[
        Path | None, Parameter(help="File with a second private key, of type 0x06 (ML-DSA-44).")
    ] = None,
    trust: Annotated[
        list[str] | None,
        Parameter(
            help="Verifier key (vkey) of a log to follow, or @FILE with one key a line. May be"
            " repeated."
        ),
    ] = None,
    policy: Annotated[
        Path | None, Parameter(help="C2SP policy file whose `log` lines name logs to follow.")
    ] = None,
    database: Database = None,
    host: Annotated[str | None, Parameter(help="Address to listen on; 127.0.0.1.")] = None,
    port: Annotated[int | None, Parameter(help="TCP port, 0 for a free one; 8471.")] = None,
    json: Annotated[
        bool, Parameter(name="--json", help="Write the program's log as JSON lines.")
    ] = False,
) -> None:
    """Serve a witness over HTTP until SIGTERM.

    It belongs on a machine that is not the log's. It needs a file of its own and must never lose
    it: a witness that forgets what it cosigned is none. docs/howto/run-a-witness.md says more.
    """
    found = _from_file(config)
    given: dict[str, Any] = {
        "signing_key": _path(signing_key),
        "mldsa_signing_key": _path(mldsa_signing_key),
        "policy": _path(policy),
        "trust": (*found.trust, *trusted_keys(trust)) if trust else None,
        "database": _path(database),
        "host": host,
        "port": port,
    }
    start_log("json" if json else "auto", "info")
    _serve(
        msgspec.structs.replace(found, **{k: v for k, v in given.items() if v is not None}),
    )


def _serve(config: WitnessConfig) -> None:
    if not config.signing_key:
        raise ConfigurationError(
            "a witness needs a key",
            hint="vitne witness key NAME --out FILE, then --signing-key FILE",
        )
    signers = [
        read_signer(Path(name)) for name in (config.signing_key, config.mldsa_signing_key) if name
    ]
    logs = list(config.trust)
    if config.policy:
        logs += [verifier.vkey for verifier in read_policy(Path(config.policy)).logs]
    settings = Settings(host=config.host, port=config.port, shutdown_grace_s=5)
    with (
        open_witness(Path(config.database), signers, logs) as witness,
        listen(config.host, config.port) as listener,
        ThreadPoolExecutor(_WORKERS, "vitne-serve-witness") as workers,
    ):
        for vkey in witness.vkeys:
            LOG.info("cosigning", extra={"vkey": vkey, "logs": len(witness.origins)})
        serve_http(WitnessResource(witness, workers), settings, listener, bounds_of(settings))
    LOG.info("stopped")


def show_forks(*, config: Config = None, database: Database = None, json: Json = False) -> int:
    """Show heads that one log signed and that do not agree; exit status 1 if there are any.

    Certain ones, two roots of one size, convict the log. With the others somebody sent a proof
    that does not hold; the log may be asked for a better one.
    """
    path = database or Path(_from_file(config).database)
    found = open_forks(path)
    rows = [
        (one.origin, second(format_utc(one.at_s * 1_000_000)), one.fork.certain, _heads(one))
        for one in found
    ]
    columns = ("log", "came at!", "certain", "sizes kept and refused")
    Output(json).result(
        {"forks": found},
        table(
            f"{count(len(found), 'fork')}: checkpoints of one log that do not agree", columns, rows
        ),
        *(plain(f"{one.fork.kept}\n{one.fork.other}", lines=True) for one in found),
    )
    return REFUSED if any(one.fork.certain for one in found) else 0


def _heads(kept: KeptFork) -> str:
    return " and ".join(note.split("\n")[1] for note in (kept.fork.kept, kept.fork.other))


def _path(given: Path | None) -> str | None:
    return None if given is None else str(given)


def _from_file(path: Path | None) -> WitnessConfig:
    """The file, with the paths in it seen from its folder. Raises `ConfigurationError`."""
    if path is None:
        return WitnessConfig()
    try:
        loaded = tomllib.loads(read_text(path, _CONFIG_BYTES_MAX))
        found = msgspec.convert(loaded, WitnessConfig)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigurationError(
            f"{path}: {error}", hint="docs/howto/run-a-witness.md shows the file"
        ) from None
    names = ("signing_key", "mldsa_signing_key", "policy", "database")
    kept = {name: getattr(found, name) for name in names}
    beside = {name: str(path.parent / value) for name, value in kept.items() if value}
    return msgspec.structs.replace(found, **beside)
