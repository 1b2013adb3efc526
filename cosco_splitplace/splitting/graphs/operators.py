"""The torch operators that a graph may hold: an artifact is data from elsewhere, and this list is all that it can do.

Every one of them makes the same output from the same input, changes nothing, and touches no file, network or generator
of random numbers. Names are those of torch's ATen operators, ``name.overload``.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import torch

__all__ = ["FACTORIES", "OPERATORS", "VIEWS", "draws_random_numbers", "in_place", "resolve"]

# These may answer with their input's memory; what all others answer with is new.
VIEWS = frozenset(
    """
    alias.default chunk.default contiguous.default detach.default einsum.default expand.default expand_as.default
    flatten.using_ints getitem movedim.int narrow.default pad.default permute.default pixel_shuffle.default
    pixel_unshuffle.default repeat.default repeat_interleave.self_int reshape.default select.int slice.Tensor
    split.Tensor tile.default
    split_with_sizes.default squeeze.default squeeze.dim squeeze.dims t.default to.dtype to.dtype_layout
    transpose.int type_as.default unbind.int unflatten.int unsqueeze.default view.default
    """.split()
)
_FRESH = frozenset(
    """
    _softmax.default _to_copy.default abs.default adaptive_avg_pool1d.default adaptive_avg_pool2d.default add.Scalar
    add.Tensor addmm.default amax.default amin.default any.dim arange.default arange.start arange.start_step
    argmax.default avg_pool1d.default avg_pool2d.default baddbmm.default batch_norm.default bitwise_and.Tensor
    bitwise_not.default bitwise_or.Tensor bmm.default cat.default ceil.default celu.default clamp.default
    clamp_max.default clamp_min.default clone.default concat.default constant_pad_nd.default conv1d.default
    conv1d.padding conv2d.default conv2d.padding conv3d.default conv_transpose1d.default conv_transpose2d.input
    convolution.default cos.default cumsum.default div.Scalar div.Tensor div.Tensor_mode elu.default
    embedding.default eq.Scalar eq.Tensor erf.default exp.default floor.default floor_divide.default full.default
    full_like.default gather.default ge.Scalar ge.Tensor gelu.default glu.default group_norm.default gt.Scalar
    gt.Tensor hardsigmoid.default hardswish.default hardtanh.default index.Tensor index_select.default
    instance_norm.default layer_norm.default le.Scalar le.Tensor leaky_relu.default lift_fresh_copy.default
    linear.default log.default log_softmax.int logical_and.default logical_not.default logical_or.default
    logsumexp.default lt.Scalar lt.Tensor masked_fill.Scalar masked_fill.Tensor matmul.default max.default max.dim
    max.other max_pool1d.default max_pool2d.default maximum.default mean.default mean.dim min.default min.dim min.other
    minimum.default mish.default mm.default mul.Scalar mul.Tensor native_group_norm.default native_layer_norm.default
    ne.Scalar ne.Tensor neg.default new_full.default new_ones.default new_zeros.default ones.default
    ones_like.default pow.Scalar pow.Tensor_Scalar
    pow.Tensor_Tensor prelu.default prod.dim_int reciprocal.default relu.default relu6.default remainder.Scalar
    rms_norm.default roll.default round.default rsqrt.default rsub.Scalar
    scaled_dot_product_attention.default scalar_tensor.default sigmoid.default silu.default sin.default
    softmax.int softplus.default sqrt.default square.default stack.default std.correction sub.Scalar
    sub.Tensor sum.default sum.dim_IntList tanh.default topk.default tril.default triu.default
    upsample_bilinear2d.default upsample_bilinear2d.vec upsample_nearest2d.default upsample_nearest2d.vec
    var.correction where.Scalar where.ScalarOther where.ScalarSelf where.self zeros.default zeros_like.default
    """.split()
)
OPERATORS = VIEWS | _FRESH
# These make a tensor of nothing, so that they must be told where.
FACTORIES = frozenset({"arange.default", "arange.start", "arange.start_step", "full.default", "ones.default",
                       "scalar_tensor.default", "zeros.default"})


@cache
def resolve(name: str) -> Callable[..., Any]:
    """The function of an allowed operator; raises ValueError for any other name."""
    if name not in OPERATORS:
        raise ValueError(f"the operator {name!r} is not allowed")
    if name == "getitem":
        return operator.getitem
    packet, _, overload = name.partition(".")
    found: Callable[..., Any] = getattr(getattr(torch.ops.aten, packet), overload)
    return found


def draws_random_numbers(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Of the one allowed operator that can: attention with dropout."""
    return name == "scaled_dot_product_attention.default" and bool(
        kwargs.get("dropout_p", args[4] if len(args) > 4 else 0.0))


def in_place(name: str) -> Callable[..., Any] | None:
    """The operator that overwrites its first argument with the same numbers; None where there is none.

    Where the result has another shape or type than the first argument, it makes a new tensor.
    """
    return _IN_PLACE.get(name)


def _batch_norm(  # the arguments of aten.batch_norm
    given: torch.Tensor, weight: Any, bias: Any, mean: Any, variance: Any, _training: bool, momentum: float,
    epsilon: float, _cudnn: bool = False,
) -> torch.Tensor:
    torch.ops.aten._native_batch_norm_legit_no_training.out(
        given, weight, bias, mean, variance, momentum, epsilon,
        out0=given, out1=given.new_empty(0), out2=given.new_empty(0))
    return given


def _overwriting(name: str) -> Callable[..., Any]:
    packet, _, overload = name.partition(".")
    over, anew = getattr(getattr(torch.ops.aten, f"{packet}_"), overload), resolve(name)

    def function(first: torch.Tensor, *others: Any, **kwargs: Any) -> torch.Tensor:
        made: torch.Tensor = (over if _fits(first, others) else anew)(first, *others, **kwargs)
        return made

    return function


def _fits(first: torch.Tensor, others: Sequence[Any]) -> bool:
    """Whether an operator, number by number, on these has a result of the first one's shape and type."""
    if not first.is_floating_point():
        return False  # some operators make fractions of whole numbers
    return all(torch.result_type(first, one) == first.dtype and one.dim() <= first.dim()
               and all(length in (1, own) for length, own in zip(reversed(one.shape), reversed(first.shape)))
               for one in others if isinstance(one, torch.Tensor))


_IN_PLACE: dict[str, Callable[..., Any]] = {
    "batch_norm.default": _batch_norm,
    **{name: _overwriting(name)
       for name in ("add.Tensor", "clamp.default", "div.Tensor", "gelu.default", "hardswish.default",
                    "hardtanh.default", "mul.Tensor", "relu.default", "sigmoid.default", "silu.default", "tanh.default")
       },
}
