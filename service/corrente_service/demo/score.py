"""How many digits are recognised."""

from dataclasses import dataclass

import numpy as np

from corrente import Block
from corrente.format import Items


@dataclass(eq=False)
class Score:
    """Counts the first answer to each item of a recording that is published over and over."""

    classes: Items
    seen: int = 0
    correct: int = 0

    def add(self, block: Block) -> None:
        """Count the block's answers, a probability per class in each item."""
        answers = block.data[: max(0, len(self.classes) - block.index)].argmax(axis=1)
        wanted = self.classes[block.index : block.index + len(answers)]
        self.seen += len(answers)
        self.correct += int(np.count_nonzero(answers == wanted))

    def __str__(self) -> str:
        if not self.seen:
            return "no digits seen"
        return f"{self.correct / self.seen:.2%} of {self.seen} unseen digits right"
