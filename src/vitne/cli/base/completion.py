"""`vitne completion`: what a shell needs to complete commands and options."""

import sys
from typing import Annotated, Literal

from cyclopts import Parameter

from vitne.cli.base.app import application


def print_completion(
    shell: Annotated[Literal["bash", "zsh", "fish"], Parameter(help="The shell.")], /
) -> None:
    """Print the script that completes commands and options in a shell.

    For example:
        vitne completion bash > ~/.local/share/bash-completion/completions/vitne
        vitne completion zsh > ~/.zfunc/_vitne
        vitne completion fish > ~/.config/fish/completions/vitne.fish
    """
    sys.stdout.write(application().generate_completion(shell=shell))
