"""Other ways to compute what a spec says, each within the bound of its definition."""

from corrente_pipelines.operator import Operator
from corrente_pipelines.rewrites import overlap_save


def forms(operator: Operator) -> tuple[Operator, ...]:
    """All ways to compute an operator, which has seen its inputs: itself first."""
    return (operator, *overlap_save.forms(operator))
