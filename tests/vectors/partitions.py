"""Which partition, and which worker, a stream belongs to, from the definition of the CRC-32."""

from collections.abc import Iterator
from typing import Any

POLYNOMIAL = 0xEDB88320
"""x^32 + x^26 + x^23 + x^22 + x^16 + x^12 + x^11 + x^10 + x^8 + x^7 + x^5 + x^4 + x^2 + x + 1,
its bits in the order in which they are sent, the highest left out.
"""

NAMES = (
    "a",
    "123456789",
    "imu/7",
    "imu/8",
    "cam/door",
    "plant/hall-3/press_2/x.y:z+1",
    *(f"bench/{k}" for k in range(16)),
    "x" * 255,
)
COUNTS = (1, 2, 3, 4, 64)


def all_partitions() -> Iterator[dict[str, Any]]:
    for name in NAMES:
        partition = crc32(name.encode()) % 64
        yield {
            "name": name,
            "partition": partition,
            "workers": {str(count): partition % count for count in COUNTS},
        }


def crc32(data: bytes) -> int:
    """The remainder, bit by bit: ISO 3309 begins with ones, and inverts the end."""
    remainder = 0xFFFFFFFF
    for byte in data:
        remainder ^= byte
        for _ in range(8):
            remainder = remainder >> 1 ^ (POLYNOMIAL if remainder & 1 else 0)
    return remainder ^ 0xFFFFFFFF
