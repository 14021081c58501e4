"""A small vendor of kitchen, bath and retail software, simulated: pure, and repeatable by seed.

Used by `vitne demo`, by benchmarks and by tests. Nobody in it is real.
"""

from vitne.simulator.kinds import Event
from vitne.simulator.simulation import Simulation, source_registrations
from vitne.simulator.story import Story

__all__ = ["Event", "Simulation", "Story", "source_registrations"]
