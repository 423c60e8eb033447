"""Other ways to compute what a spec says, each within the bound of its definition."""

from corrente.format import Format
from corrente_pipelines.operator import Operator
from corrente_pipelines.rewrites import overlap_save, tiles, whole_sums


def forms(operator: Operator, *formats: Format) -> tuple[Operator, ...]:
    """All ways to compute an operator, which has seen its inputs: itself first."""
    return (
        operator,
        *overlap_save.forms(operator),
        *whole_sums.forms(operator, *formats),
        *tiles.forms(operator, *formats),
    )
