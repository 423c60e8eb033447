"""Vectors of a processor's registers, for kernels that say what is computed side by side.

A loop over a whole array is left to the compiler; it does well. Here is what it will not do: hold
several sums in registers over an inner loop, or work in place on overlapping parts of an array.
A vector is four float64 or eight float32, one register of most processors, and two or half of one
where those are of another width: the numbers are the same. There is no fused multiply-add, so what
is computed in vectors and what is left over at the end of a row round alike.

Only compiled functions can call these. Nothing checks an index.
"""
# pyright: basic, reportCallIssue=false, reportOptionalCall=false

import operator

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

DOUBLES = 4
FLOATS = 8

_LLVM = {types.float32: ir.FloatType(), types.float64: ir.DoubleType()}


class _Vector(types.Type):
    """Numbers of one type side by side."""

    def __init__(self, number, width):
        self.number, self.width = number, width
        super().__init__(name=f"Vector({number}, {width})")


_doubles, _floats = _Vector(types.float64, DOUBLES), _Vector(types.float32, FLOATS)


@register_model(_Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, ir.VectorType(_LLVM[kind.number], kind.width))


@infer_global(operator.add)
@infer_global(operator.sub)
@infer_global(operator.mul)
class _Arithmetic(AbstractTemplate):
    def generic(self, args, kws):
        if len(args) == 2 and isinstance(args[0], _Vector) and args[0] == args[1]:
            return signature(args[0], *args)
        return None


@lower_builtin(operator.add, _Vector, _Vector)
def _add(context, builder, kinds, args):
    return builder.fadd(*args)


@lower_builtin(operator.sub, _Vector, _Vector)
def _subtract(context, builder, kinds, args):
    return builder.fsub(*args)


@lower_builtin(operator.mul, _Vector, _Vector)
def _multiply(context, builder, kinds, args):
    return builder.fmul(*args)


def _pointer(context, builder, array, value, index, kind):
    """Where the vector begins, and how its place is aligned: as its numbers are."""
    data = cgutils.create_struct_proxy(array)(context, builder, value).data
    place = builder.gep(data, [index])
    return builder.bitcast(place, kind.as_pointer()), array.dtype.bitwidth // 8


def _loaded(kind, array, index):
    """The signature and the code of a load, converted where the array holds other numbers."""

    def code(context, builder, kinds, args):
        stored = array.dtype
        element = _LLVM.get(stored, ir.IntType(stored.bitwidth))
        pointer, align = _pointer(
            context, builder, array, *args, ir.VectorType(element, kind.width)
        )
        numbers = builder.load(pointer)
        numbers.align = align
        wanted = context.get_value_type(kind)
        if isinstance(stored, types.Integer):
            return builder.uitofp(numbers, wanted)
        return _converted(builder, numbers, stored, kind.number, wanted)

    return kind(array, types.intp), code


def _converted(builder, numbers, given, wanted, wanted_kind):
    if given == wanted:
        return numbers
    convert = builder.fpext if given == types.float32 else builder.fptrunc
    return convert(numbers, wanted_kind)


@intrinsic
def load_doubles(typing, array, index):
    """Four numbers from `array[index]` on, as float64."""
    return _loaded(_doubles, array, index)


@intrinsic
def load_floats(typing, array, index):
    """Eight numbers from `array[index]` on, as float32."""
    return _loaded(_floats, array, index)


@intrinsic
def load_as(typing, array, index, like):
    """A vector from `array[index]` on, of the type of the numbers in another array."""
    kind = _floats if like.dtype == types.float32 else _doubles
    signed, code = _loaded(kind, array, index)

    def without_like(context, builder, kinds, args):
        return code(context, builder, kinds, args[:2])

    return signature(signed.return_type, array, types.intp, like), without_like


@intrinsic
def store(typing, array, index, vector):
    """Puts a vector at `array[index]` and behind, rounded to what the array holds."""

    def code(context, builder, kinds, args):
        kind = ir.VectorType(_LLVM[array.dtype], vector.width)
        pointer, align = _pointer(context, builder, array, args[0], args[1], kind)
        numbers = _converted(builder, args[2], vector.number, array.dtype, kind)
        builder.store(numbers, pointer).align = align
        return context.get_dummy_value()

    return types.void(array, types.intp, vector), code


def _spread(kind):
    def code(context, builder, kinds, args):
        wanted = context.get_value_type(kind)
        nothing = ir.Constant(wanted, ir.Undefined)
        first = builder.insert_element(nothing, args[0], ir.Constant(ir.IntType(32), 0))
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), kind.width), [0] * kind.width)
        return builder.shuffle_vector(first, nothing, lanes)

    return kind(kind.number), code


@intrinsic
def all_doubles(typing, number):
    """The same float64 four times."""
    return _spread(_doubles)


@intrinsic
def all_floats(typing, number):
    """The same float32 eight times."""
    return _spread(_floats)


def _repeated(kind, array):
    """The signature and the code of a load of one number for a whole vector."""

    def code(context, builder, kinds, args):
        pointer, align = _pointer(context, builder, array, *args, _LLVM[kind.number])
        number = builder.load(pointer)
        number.align = align
        return _spread(kind)[1](context, builder, kinds, [number])

    return kind(array, types.intp), code


@intrinsic
def load_all_doubles(typing, array, index):
    """The float64 `array[index]` four times."""
    return _repeated(_doubles, array)


@intrinsic
def load_all_floats(typing, array, index):
    """The float32 `array[index]` eight times."""
    return _repeated(_floats, array)


@intrinsic
def all_of(typing, number):
    """The same number in a whole vector of its type."""
    return _spread(_floats if number == types.float32 else _doubles)


@intrinsic
def settled(typing, vector):
    """The vector with one NaN for all, as `nans.settle` has it."""

    def code(context, builder, kinds, args):
        kind = args[0].type
        nan = ir.Constant(kind, [ir.Constant(kind.element, float("nan"))] * vector.width)
        return builder.select(builder.fcmp_ordered("==", args[0], args[0]), args[0], nan)

    return vector(vector), code


@intrinsic
def root(typing, vector):
    """The square roots."""

    def code(context, builder, kinds, args):
        kind = args[0].type
        name = f"llvm.sqrt.v{vector.width}f{vector.number.bitwidth}"
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(kind, [kind]), name
        )
        return builder.call(function, args)

    return vector(vector), code


@intrinsic
def within(typing, vector, low, high):
    """1 where a number is from `low` to `high`, else 0, and of a NaN."""

    def code(context, builder, kinds, args):
        kind = args[0].type
        one = ir.Constant(kind, [ir.Constant(kind.element, 1.0)] * vector.width)
        zero = ir.Constant(kind, [ir.Constant(kind.element, 0.0)] * vector.width)
        above = builder.fcmp_ordered(">=", args[0], args[1])
        below = builder.fcmp_ordered("<=", args[0], args[2])
        return builder.select(builder.and_(above, below), one, zero)

    return vector(vector, low, high), code


@intrinsic
def larger(typing, vector, other):
    """What is larger, of equal ones the first; the other where that is a NaN."""

    def code(context, builder, kinds, args):
        takes = builder.fcmp_unordered(">", args[1], args[0])
        first_is_nan = builder.fcmp_unordered("uno", args[0], args[0])
        other_is_nan = builder.fcmp_unordered("uno", args[1], args[1])
        keeps = builder.and_(first_is_nan, builder.not_(other_is_nan))
        return builder.select(builder.and_(takes, builder.not_(keeps)), args[1], args[0])

    return vector(vector, other), code


def _joined(shift):
    """Four numbers of two vectors that follow each other, `shift` behind the first."""

    def typed(typing, vector, following):
        def code(context, builder, kinds, args):
            lanes = [shift + k for k in range(DOUBLES)]
            mask = ir.Constant(ir.VectorType(ir.IntType(32), DOUBLES), lanes)
            return builder.shuffle_vector(*args, mask)

        return vector(vector, following), code

    return intrinsic(typed)


one_on = _joined(1)
two_on = _joined(2)


def _lanes(builder, first, second, *lanes):
    """Numbers of two vectors; those of the second are counted on from the first's last."""
    mask = ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), lanes)
    return builder.shuffle_vector(first, second, mask)


@intrinsic
def across(typing, a, b, c, d):
    """The four vectors of first, second, third and fourth numbers of four vectors."""
    kinds = types.UniTuple(a, DOUBLES)

    def code(context, builder, signature, args):
        pairs = [
            _lanes(builder, args[k], args[k + 1], *lanes)
            for lanes in ((0, 4, 2, 6), (1, 5, 3, 7))
            for k in (0, 2)
        ]
        made = [
            _lanes(builder, pairs[k], pairs[k + 1], *lanes)
            for lanes in ((0, 1, 4, 5), (2, 3, 6, 7))
            for k in (0, 2)
        ]
        return context.make_tuple(builder, kinds, made)

    return kinds(a, b, c, d), code


@intrinsic
def halves_across(typing, a, b, c, d):
    """Four vectors of eight, of which each half is as `across` has it of those halves."""
    kinds = types.UniTuple(a, 4)

    def code(context, builder, signature, args):
        low, high = (0, 8, 1, 9, 4, 12, 5, 13), (2, 10, 3, 11, 6, 14, 7, 15)
        ac = [_lanes(builder, args[0], args[2], *lanes) for lanes in (low, high)]
        bd = [_lanes(builder, args[1], args[3], *lanes) for lanes in (low, high)]
        made = [_lanes(builder, ac[k], bd[k], *lanes) for k in (0, 1) for lanes in (low, high)]
        return context.make_tuple(builder, kinds, made)

    return kinds(a, b, c, d), code


def _half_stored(first):
    def typed(typing, array, index, vector):
        def code(context, builder, kinds, args):
            half = _lanes(builder, args[2], args[2], *range(first, first + FLOATS // 2))
            pointer, align = _pointer(
                context, builder, array, args[0], args[1], ir.VectorType(ir.FloatType(), 4)
            )
            builder.store(half, pointer).align = align
            return context.get_dummy_value()

        return types.void(array, types.intp, vector), code

    return intrinsic(typed)


store_low = _half_stored(0)
store_high = _half_stored(FLOATS // 2)
