"""What can go wrong, and how often."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Faults:
    """Chances per message, and rates per second of virtual time and client."""

    lost: float = 0.0
    doubled: float = 0.0
    delayed: float = 0.0
    """The message and all behind it come later, by a second or so."""
    overtaken: float = 0.0
    """The message comes later than those behind it."""
    cut_hz: float = 0.0
    """The connection breaks; the client sees it."""
    silent_hz: float = 0.0
    """Nothing passes any more; nobody sees it."""
    stall_hz: float = 0.0
    """A client does nothing for seconds."""
    restart_hz: float = 0.0
    """Another daemon process begins, and knows nothing."""
    swap_hz: float = 0.0
    """The daemon is given pipelines that say the same: nobody may notice."""
    turn_s: float = 0.005
    """How long the daemon takes for a turn, on average."""

    @property
    def is_lossy(self) -> bool:
        """Whether a connection that goes on does not give all, once, in order."""
        return max(self.lost, self.doubled, self.overtaken) > 0


PROFILES = {
    "calm": Faults(),
    "slow": Faults(turn_s=0.1),
    "cut": Faults(cut_hz=0.4),
    "silent": Faults(silent_hz=0.15),
    "stalled": Faults(stall_hz=0.2),
    "delayed": Faults(delayed=0.05),
    "lost": Faults(lost=0.02),
    "doubled": Faults(doubled=0.02),
    "overtaken": Faults(overtaken=0.02),
    "restarted": Faults(restart_hz=0.2),
    "broken": Faults(cut_hz=0.2, silent_hz=0.1, stall_hz=0.1, delayed=0.02, turn_s=0.05),
    "swapped": Faults(swap_hz=1.0, turn_s=0.05),
    "all": Faults(0.01, 0.01, 0.01, 0.01, 0.1, 0.1, 0.1, 0.1, 0.1, 0.02),
}
"""A seed has one of them: each is explored for itself."""
