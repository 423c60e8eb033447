"""What a terminal shows of a long command."""

from io import StringIO

from corrente.progress import Progress


class Terminal(StringIO):
    def isatty(self):
        return True


def test_items_rate_and_percent_are_written_over_twice_a_second():
    terminal, now_s = Terminal(), iter([0.0, 0.4, 0.5, 0.5, 0.9, 1.0, 1.0, 2.0])
    with Progress("imu/7", 400, terminal, lambda: next(now_s)) as progress:
        for items in (20, 100, 150, 400):
            progress.tell(items)
    assert terminal.getvalue().replace("\x1b[K", "").split("\r") == [
        "",
        "imu/7: 100 items, 200 items/s, 25 %",
        "imu/7: 400 items, 600 items/s, 100 %",
        "imu/7: 400 items, 200 items/s, 100 %\n",
    ]


def test_without_a_length_there_is_no_percent_and_off_a_terminal_nothing():
    terminal = Terminal()
    with Progress("sine", None, terminal) as progress:
        progress.tell(7)
    assert "sine: 7 items," in terminal.getvalue()
    assert "%" not in terminal.getvalue()
    with Progress("sine", None, plain := StringIO()) as progress:
        progress.tell(7)
    assert plain.getvalue() == ""
