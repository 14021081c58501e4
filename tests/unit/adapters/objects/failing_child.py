"""Objects on a disk that is full, limited or read-only: run by test_folder_objects.py."""

import json
import os
import resource
import sys
from pathlib import Path

from vitne.adapters.objects.folder import FolderObjects
from vitne.adapters.objects.scratch import TEMPORARY
from vitne.errors import StorageError


def limit_files(most: int) -> None:
    """No file may grow beyond so many bytes; -1 for any. The write itself fails (EFBIG)."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))


def fill(folder: Path, *, limited: bool) -> object:
    """Put batches until one is refused, then make room and put it again."""
    ballast = folder / "ballast"
    if not limited:
        ballast.write_bytes(bytes(500_000))
    objects = FolderObjects(folder / "objects")
    kept: dict[str, bytes] = {}
    batch: dict[str, bytes] = {}
    error = StorageError("nothing was refused")
    try:
        for number in range(1_000):
            batch = {f"log/{number}/tile/0/{i:03}": os.urandom(20_000) for i in range(5)}
            if limited and number == 3:
                limit_files(10_000)
            objects.put(batch)
            kept |= batch
    except StorageError as caught:
        error = caught
    temporary = [
        path.name for path in (folder / "objects" / TEMPORARY).rglob("*") if path.is_file()
    ]
    if limited:
        limit_files(-1)
    else:
        ballast.unlink()
    objects.put(batch)
    again = FolderObjects(folder / "objects")
    return {
        "acknowledged": len(kept),
        "whole": all(again.get(key) == body for key, body in (kept | batch).items()),
        "temporary": temporary,
        "code": error.code,
        "text": str(error),
        "hint": error.hint,
    }


def refused_put(folder: Path) -> object:
    """What is read, and text and hint of what putting is refused with."""
    objects = FolderObjects(folder / "objects")
    try:
        objects.put({"new": b"x"})
    except StorageError as error:
        return [(objects.get("old") or b"").decode(), str(error), error.hint]
    return None


if __name__ == "__main__":
    folder, how = Path(sys.argv[1]), sys.argv[2]
    print(
        json.dumps(refused_put(folder) if how == "put" else fill(folder, limited=how == "limited"))
    )
