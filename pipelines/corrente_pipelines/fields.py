"""Fields that several operators have."""

from typing import Annotated

from pydantic import Field

Number = Annotated[float, Field(ge=-1e30, le=1e30, allow_inf_nan=False)]
