"""The recommended policy is that of `train`."""

import pytest

import alexnet_keras
from alexnet_keras.distribution import precision


@pytest.mark.parametrize(
    ("flags", "policy"),
    [({"avx2", "fma"}, "float32"), ({"avx512_bf16"}, "mixed_bfloat16"), ({"amx_bf16"}, "mixed_bfloat16")],
)
def test_the_recommended_policy_is_fast_on_this_processor(flags, policy, monkeypatch):
    monkeypatch.setattr(precision, "cpu_flags", lambda: flags)
    assert alexnet_keras.recommended_dtype_policy() == precision.choose_precision("auto").policy == policy
