"""`python -m vitne`: the command line."""

from vitne.cli import main

if __name__ == "__main__":  # a worker process that is spawned imports this file and must not run it
    main()
