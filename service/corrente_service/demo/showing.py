"""The demo from beginning to end."""

import signal
import time
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from threading import Event
from typing import Any

from rich.console import Console
from rich.live import Live

from corrente import Block, Publisher, Subscriber, status
from corrente_pipelines import load, warm
from corrente_service.demo import feed
from corrente_service.demo.daemon_process import daemon
from corrente_service.demo.score import Score
from corrente_service.demo.table import ledger, table
from corrente_service.demo.watch import Watch
from corrente_service.examples import examples_folder

REFRESH_S = 0.5
GRACE_S = 20.0


def show(seconds: float | None, console: Console) -> tuple[str, bool]:
    """Run the demo for so long, or until Ctrl-C; a summary, and whether all came back right."""
    pipelines = examples_folder() / "pipelines"
    unseen, classes = feed.digits()
    heart, street, motions = feed.ecg(), feed.street(), feed.motions()
    trend, beat, edges, digits, activity = (
        load(pipelines / f"{name}.yaml")
        for name in ("trend", "heart", "edges", "digits", "activity")
    )
    answers = Watch(unseen, digits, "digit")
    watches = [
        Watch(heart, trend, "smooth"),
        Watch(heart, trend, "detrended"),
        Watch(heart, beat, "beats"),
        Watch(heart, beat, "rate"),
        Watch(street, edges, "edges"),
        Watch(motions, activity, "activity"),
        answers,
    ]
    sources = {watch.feed.stream: watch.feed for watch in watches}.values()
    score = Score(classes)
    warm()  # else the second runs, in this process, would compile while the first items come back
    with ExitStack() as stack:
        stop = stack.enter_context(_interruptible())
        address, url = stack.enter_context(daemon(pipelines))
        threads = stack.enter_context(ThreadPoolExecutor(len(watches) + len(sources)))
        publisher = stack.enter_context(Publisher(address))
        tasks: list[Future[None]] = []
        for watch in watches:
            subscriber = stack.enter_context(Subscriber(address, watch.topic, timeout_s=GRACE_S))
            seen = score.add if watch is answers else _ignore
            tasks.append(threads.submit(watch.run, subscriber, seen))
        tasks += [threads.submit(source.publish, publisher, stop) for source in sources]
        begin_s = time.monotonic()
        try:
            with Live(console=console, auto_refresh=False, transient=True) as live:
                while not _is_over(stop, tasks, begin_s, seconds):
                    elapsed_s = time.monotonic() - begin_s
                    live.update(
                        table(watches, score, status(address), elapsed_s, url), refresh=True
                    )
        finally:
            stop.set()
        elapsed_s = time.monotonic() - begin_s
        _, late = wait(tasks, GRACE_S)
        if late:
            raise RuntimeError(f"the streams did not end within {GRACE_S:g} s")
        for task in tasks:
            task.result()
        report = status(address)
    console.print(table(watches, score, report, elapsed_s, url))
    return _summary(watches, score, report)


def _is_over(stop: Event, tasks: list[Future[None]], begin_s: float, seconds: float | None) -> bool:
    left_s = REFRESH_S
    if seconds is not None:
        left_s = min(left_s, max(0.0, begin_s + seconds - time.monotonic()))
    return stop.wait(left_s) or left_s < REFRESH_S or any(task.done() for task in tasks)


@contextmanager
def _interruptible() -> Generator[Event]:
    """An event that Ctrl-C and SIGTERM set, once; a second one ends the program at once."""
    stop = Event()

    def interrupted(number: int, _frame: object) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    before = {n: signal.signal(n, interrupted) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _summary(watches: list[Watch], score: Score, report: dict[str, Any]) -> tuple[str, bool]:
    items = report["items"]
    published = sum({watch.feed.stream: watch.feed.sent for watch in watches}.values())
    is_lossless = (
        items["accepted"] == items["processed"] == published
        and not report["egress"]["dropped"]
        and all(watch.is_complete for watch in watches)
    )
    is_same = not any(watch.differing for watch in watches)
    lost = "nothing lost" if is_lossless else "LOST ITEMS"
    same = "same bits as an offline run" if is_same else "OTHER BITS than an offline run"
    text = f"{score}; {lost}: published {published}, {ledger(report)}; {same}"
    return text, is_lossless and is_same


def _ignore(block: Block) -> None:
    """Not every topic is scored."""
