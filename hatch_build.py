"""Makes the verifier's page before a wheel, a source archive or an installation in place is."""

import runpy
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class VerifierPageHook(BuildHookInterface[Any]):
    """`evidence/verifier.html` is not in git: it is built from the modules beside it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it gathers the files."""
        del version, build_data
        runpy.run_path(str(Path(self.root, "tools", "build-verifier")))["write"]()
