"""How much of everything the daemon takes on."""

from pydantic import BaseModel, ConfigDict, Field


class Limits(BaseModel):
    """Bounds on what clients can make the daemon hold; immutable."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    peers: int = Field(default=1024, ge=1)
    streams: int = Field(default=4096, ge=1)
    window_bytes: int = Field(default=8 << 20, ge=1 << 10, le=1 << 30)
    """Payload a publisher may have unacknowledged, per stream."""
    queue_bytes: int = Field(default=16 << 20, ge=1 << 20)
    """What waits for a subscriber's credit, per subscription; as much as 16 MiB may be sent."""
    state_bytes: int = Field(default=256 << 20, ge=1 << 10)
    """What a pipeline may have to remember of a stream, by its plan."""
    stall_timeout_s: float = Field(default=10.0, gt=0)
    """How long a subscriber with back-pressure may stand still before it is cut."""
    stream_idle_s: float = Field(default=3600.0, gt=0)
    """How long a stream without a publisher is kept; then it is ended as if by its publisher."""
