"""How late does a 100 Hz sensor come through beside two 1080p cameras at 30 frames per second?

Every process is its own: the daemon, each camera, each camera's viewer (`queue=1`), and the sensor
with its reader. An output's latency is the time from sending the item that completes it to having
it.
"""

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from multiprocessing.synchronize import Event
from pathlib import Path
from threading import Thread

import numpy as np

from corrente import Closed, Publisher, Subscriber, Timeout

RATE_HZ = 100.0
FRAME = (1080, 1920)
FRAME_RATE_HZ = 30.0
SIZE = 9

TREND = f"""\
corrente: 1
name: trend
for_each: imu/*
stages:
  smooth: {{op: moving_average, size: {SIZE}}}
"""
CHAINS = {
    "small": "  small: {op: resize, size: [270, 480]}\n"
    "  gradients: {op: prewitt}\n  edges: {op: magnitude}\n",
    "full": "  gradients: {op: prewitt}\n  edges: {op: magnitude}\n",
}
EDGES = """\
corrente: 1
name: edges
for_each: cam/*
stages:
"""


def main() -> None:
    """Measures once, and prints what came out as JSON."""
    parser = argparse.ArgumentParser(prog="benchmarks.sensor_beside_cameras", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument(
        "--chain", choices=CHAINS, default="small", help="what the cameras go through"
    )
    parser.add_argument("--cameras", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        (folder / "trend.yaml").write_text(TREND)
        (folder / "edges.yaml").write_text(EDGES + CHAINS[given.chain])
        daemon, address = _serve(folder)
        stack.callback(daemon.wait)
        stack.callback(daemon.terminate)
        latencies_ms, frames = _measure(address, given.cameras, given.seconds)
        used_s = _cpu_s(daemon.pid)
    p50, p99, worst = np.percentile(latencies_ms, [50, 99, 100]).round(2)
    said = {
        "question": "sensor_beside_cameras",
        "cores": os.cpu_count(),
        "chain": given.chain,
        "cameras": given.cameras,
        "seconds": given.seconds,
        "sensor_items": len(latencies_ms),
        "p50_ms": p50,
        "p99_ms": p99,
        "max_ms": worst,
        "camera_frames_per_s": [round(n / given.seconds, 1) for n in frames],
        "daemon_cores_used": round(used_s / given.seconds, 2),
    }
    print(json.dumps(said))


def _measure(address: str, cameras: int, seconds: float) -> tuple[np.ndarray, list[int]]:
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    counts = [context.Value("q", 0) for _ in range(cameras)]
    names = [f"cam/{k}" for k in range(cameras)]
    others = [
        *(
            context.Process(target=_film, args=(address, name, count, stop))
            for name, count in zip(names, counts, strict=True)
        ),
        *(context.Process(target=_view, args=(address, name, stop)) for name in names),
    ]
    for process in others:
        process.start()
    while cameras and min(count.value for count in counts) < FRAME_RATE_HZ:
        time.sleep(0.1)
    before = [count.value for count in counts]
    try:
        latencies_ms = _sense(address, seconds)
        frames = [count.value - first for count, first in zip(counts, before, strict=True)]
    finally:
        stop.set()
        for process in others:
            process.join(30.0)
            process.kill()
    return latencies_ms, frames


def _sense(address: str, seconds: float) -> np.ndarray:
    """Milliseconds of each output."""
    n = round(seconds * RATE_HZ)
    sent_s, came_s = np.full(n, np.nan), np.full(n, np.nan)

    def read(subscriber: Subscriber) -> None:
        for block in subscriber:
            now_s = time.monotonic()
            came_s[block.index : block.index + len(block.data)] = now_s

    with Publisher(address) as publisher, Subscriber(address, "imu/1/trend/smooth") as subscriber:
        stream = publisher.open("imu/1", shape=(6,), rate_hz=RATE_HZ)
        reader = Thread(target=read, args=(subscriber,))
        reader.start()
        start_s = time.monotonic()
        for k in range(n):
            time.sleep(max(0.0, start_s + k / RATE_HZ - time.monotonic()))
            sent_s[k] = time.monotonic()
            stream.send(np.full(6, k, np.float32))
        stream.end(timeout_s=30)
        reader.join()
    ahead = SIZE - 1 - SIZE // 2
    latencies_ms: np.ndarray = 1000 * (came_s[:-ahead] - sent_s[ahead:])
    assert np.isfinite(latencies_ms).all(), "an output is missing"
    return latencies_ms


def _film(
    address: str, name: str, count: "multiprocessing.sharedctypes.Synchronized[int]", stop: Event
) -> None:
    """Publishes moving noise at the camera's rate, or as fast as it is taken."""
    noise = np.random.default_rng(0).integers(0, 256, (FRAME[0] + 64, FRAME[1])).astype(np.uint8)
    with Publisher(address) as publisher:
        stream = publisher.open(name, shape=FRAME, rate_hz=FRAME_RATE_HZ, dtype="uint8")
        due_s = time.monotonic()
        while not stop.is_set():
            due_s = max(due_s + 1 / FRAME_RATE_HZ, time.monotonic() - 1.0)
            time.sleep(max(0.0, due_s - time.monotonic()))
            k = count.value % 64
            stream.send(noise[k : k + FRAME[0]])
            count.value += 1
        stream.end(timeout_s=30)


def _view(address: str, name: str, stop: Event) -> None:
    with Subscriber(address, f"{name}/edges/edges", queue=1, timeout_s=0.5) as subscriber:
        while not stop.is_set():
            try:
                next(iter(subscriber), None)
            except (Timeout, Closed):
                continue


def _serve(folder: Path) -> tuple["subprocess.Popen[str]", str]:
    command = [sys.executable, "-c", "from corrente.command import main; main()", "serve"]
    process = subprocess.Popen(
        [*command, str(folder), "--bind", "tcp://127.0.0.1:0", "--http", ""],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    return process, process.stdout.readline().split()[1]


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
