"""Replays a seed and prints what happens: `python -m tests.simulation SEED`."""

import sys

from tests.simulation.world import World

world = World(int(sys.argv[1]), is_told=True)
try:
    world.run()
finally:
    print(f"profile: {world.profile}", *(world.network.story or []), sep="\n")
