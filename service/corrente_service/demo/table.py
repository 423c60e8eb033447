"""What the demo shows while it runs."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.console import Group
from rich.table import Table
from rich.text import Text

from corrente_service.demo.score import Score
from corrente_service.demo.watch import Watch


def table(
    watches: Sequence[Watch], score: Score, report: dict[str, Any], elapsed_s: float, url: str
) -> Group:
    """A row per topic; below it the daemon's ledger."""
    rows = Table(box=None, pad_edge=False, header_style="bold")
    rows.add_column("topic")
    for heading in ("items", "items/s", "p50 ms", "p99 ms"):
        rows.add_column(heading, justify="right")
    rows.add_column("latest")
    rows.add_column("offline run")
    for watch in watches:
        rows.add_row(
            watch.topic,
            str(watch.items),
            f"{watch.items / elapsed_s:.0f}",
            *_latencies(watch),
            _latest(watch),
            "[red]differs[/]" if watch.differing or watch.missing else "[green]same bits[/]",
        )
    return Group(rows, Text(""), Text(f"{score}"), Text(ledger(report)), Text(f"metrics: {url}"))


def ledger(report: dict[str, Any]) -> str:
    """The daemon's counts in a line."""
    items, egress = report["items"], report["egress"]
    dropped = sum(items["dropped"].values())
    return (
        f"accepted {items['accepted']} = processed {items['processed']} + dropped {dropped} "
        f"+ in flight {items['in_flight']}; sent {egress['sent']}, dropped {egress['dropped']}"
    )


def _latencies(watch: Watch) -> tuple[str, str]:
    recent = list(watch.latencies_s)
    if not recent:
        return "", ""
    p50, p99 = np.percentile(recent, [50, 99]) * 1000
    return f"{p50:.1f}", f"{p99:.1f}"


def _latest(watch: Watch) -> str:
    item, format = watch.latest, watch.format
    if item is None:
        return ""
    if format.kind == "events":
        return f"at {item[0] / watch.feed.rate_hz:.2f} s"
    if len(format.labels) > 1 and item.ndim == 1:
        best = int(item.argmax())
        return f"{format.labels[best]} ({item[best]:.1%})"
    if item.size > 1:
        return f"{item.min():.0f} … {item.max():.0f}"
    if format.labels:
        value = item.item()
        return f"{value:.0f} {format.labels[0]}" if np.isfinite(value) else ""
    return f"{item.item():+.3f}"
