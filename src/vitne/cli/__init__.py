"""The command line: one file per verb, each loaded only when it is called.

Chapters are the groups of `vitne --help`. `base` registers the verbs, runs one and turns every
error into a sentence, a place and a next step. A verb contains no logic that a service lacks.
`vitne --help` and `vitne verify` import nothing of the server.
"""

from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and leave the process with its exit status.

    Args:
        argv: the words after the program's name; those of the process if None.

    Raises:
        SystemExit: always; its code is a status of `vitne.cli.base.app.STATUSES`.
    """
    from vitne.cli.base.app import run  # noqa: PLC0415  # keeps one verb from loading all

    raise SystemExit(run(argv))
