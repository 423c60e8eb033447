"""What is written below the fields of a model.

Pydantic would read it whenever a class is made, which is half of the time that an import takes;
it is wanted only where a person asks.
"""

import ast
from inspect import cleandoc, getsource
from itertools import pairwise
from textwrap import dedent

from pydantic import BaseModel


def field_docs(model: type[BaseModel]) -> dict[str, str]:
    """The text below each field's line, by name; a subclass's own comes first.

    A class without a source, such as one made by a program, has none.
    """
    found: dict[str, str] = {}
    for part in reversed(model.__mro__):
        if issubclass(part, BaseModel) and part is not BaseModel:
            found |= _own(part)
    return found


def _own(model: type[BaseModel]) -> dict[str, str]:
    try:
        tree = ast.parse(dedent(getsource(model)))
    except (OSError, TypeError, SyntaxError):
        return {}
    found: dict[str, str] = {}
    for line, below in pairwise(ast.iter_child_nodes(tree.body[0])):
        match line, below:
            case ast.AnnAssign(target=ast.Name(name)), ast.Expr(ast.Constant(str(text))):
                found[name] = cleandoc(text)
            case _:
                pass
    return found
