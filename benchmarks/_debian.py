"""GNU Radio and GStreamer, in Debian's own Python: it has no other packages than Debian's.

A process that answers line by line: a JSON object in, one out. It imports nothing of ours.
`{"peer", "taps": FILE.npy, "items": FILE.npy, "out": FILE.npy}` prepares a filter and writes what
it gives for the items, float32 of one channel; `{}` filters them again and says the seconds.
"""

import ctypes
import json
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Run = Callable[[], tuple[float, int, Any]]
"""Filters all items; gives the seconds, how many items, and what came out."""


def gnuradio(taps: Any, items: Any) -> Run:
    """`gr::filter::kernel::fft_filter_fff` itself, the C++ object inside the block of that name.

    Its Python binding takes a single float for an array, so it is called by its symbols. It wants
    multiples of its block: the items it gets are that many whole blocks.
    """
    files = sorted(map(str, Path("/usr/lib").glob("*/libgnuradio-filter.so.*")))
    library = ctypes.CDLL(files[0] if files else "libgnuradio-filter.so")
    this = ctypes.create_string_buffer(4096)
    first, last = taps.ctypes.data, taps.ctypes.data + taps.nbytes
    vector = (ctypes.c_void_p * 3)(first, last, last)
    kernel = "_ZN2gr6filter6kernel14fft_filter_fff"
    prepare = getattr(library, kernel + "C1EiRKSt6vectorIfSaIfEEi")
    prepare.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_int]
    prepare.restype = None
    prepare(this, 1, vector, 1)
    set_taps = getattr(library, kernel + "8set_tapsERKSt6vectorIfSaIfEE")
    set_taps.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    block = set_taps(this, vector)
    work = getattr(library, kernel + "6filterEiPKfPf")
    work.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
    out = np.zeros(len(items) // block * block, np.float32)

    def run() -> tuple[float, int, Any]:
        start = time.perf_counter()
        work(this, len(out), items.ctypes.data, out.ctypes.data)
        return time.perf_counter() - start, len(out), out

    return run


def gstreamer(taps: Any, items: Any) -> Run:
    """`audiofirfilter`, in its default form (FFT), from a file to nowhere."""
    import gi

    gi.require_version("Gst", "1.0")
    from gi.repository import GObject, Gst

    Gst.init(None)
    warnings.simplefilter("ignore")
    source, sink = "/dev/shm/corrente-bench-in", "/dev/shm/corrente-bench-out"
    items.tofile(source)

    def play(end: str) -> float:
        line = Gst.parse_launch(
            f"filesrc location={source} blocksize=65536 ! rawaudioparse format=pcm "
            f"pcm-format=f32le sample-rate=48000 num-channels=1 ! audiofirfilter name=fir ! {end}"
        )
        kernel = GObject.ValueArray.new(len(taps))
        for tap in taps:
            kernel.append(float(tap))
        line.get_by_name("fir").set_property("kernel", kernel)
        line.set_state(Gst.State.PAUSED)
        line.get_state(Gst.CLOCK_TIME_NONE)
        start = time.perf_counter()
        line.set_state(Gst.State.PLAYING)
        ends = Gst.MessageType.EOS | Gst.MessageType.ERROR
        line.get_bus().timed_pop_filtered(Gst.CLOCK_TIME_NONE, ends)
        seconds = time.perf_counter() - start
        line.set_state(Gst.State.NULL)
        return seconds

    play(f"filesink location={sink}")
    out = np.fromfile(sink, np.float32)

    def run() -> tuple[float, int, Any]:
        return play("fakesink sync=false"), len(items), out

    return run


def main() -> None:
    run: Run | None = None
    for line in sys.stdin:
        asked = json.loads(line)
        said: dict[str, float]
        if "peer" in asked:
            prepare = {"gnuradio": gnuradio, "gstreamer": gstreamer}[asked["peer"]]
            run = prepare(np.load(asked["taps"]), np.load(asked["items"]))
            _, count, out = run()
            np.save(asked["out"], out)
            said = {"items": count}
        else:
            assert run is not None
            said = {"seconds": run()[0]}
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()
