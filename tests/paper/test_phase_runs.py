"""Which phases rows of an ablation have in common, without training one."""

import dataclasses

import pytest
from absl import flags

from egnet_tf.errors import InputError
from egnet_tf.models.variants import VARIANTS
from egnet_tf.paper import ablations
from egnet_tf.paper.phase_runs import phase_runs, train_row
from egnet_tf.training.recipe import Recipe
from helpers import ROOT


def rows(folder):
    values = flags.FlagValues()
    ablations.define_flags(values)
    values(["ablations"])
    files = sorted((ROOT / "configs" / folder).glob("table*.flags"))
    return {file.stem: ablations.read_row(file, values) for file in files}


def names(recipe, folder, **kwargs):
    return [run.path.name for run in phase_runs(recipe, folder, **kwargs)]


def test_one_phase_1_serves_tables_3_4_and_6(tmp_path):
    found = {
        name: names(recipe, tmp_path) for name, recipe in rows("ablations").items()
    }
    other = found.pop("table6_without_gradient_loss")
    assert len({runs[0] for runs in found.values()}) == 1
    # Its loss has no gradient term: that is phase 1 anew.
    assert other[0] not in {runs[0] for runs in found.values()}
    assert found["table4_with_egn"] == found["table3_gradient_attention"]
    # Table 6's row is Table 1's "Ours": the same network, with the self-ensemble.
    with_loss = found["table6_with_gradient_loss"]
    assert with_loss[:2] == found["table4_with_egn"]
    assert [name.split("_")[0] for name in with_loss] == ["backbone", "egn", "ensemble"]
    # Eight inputs and attentions of Table 3 are eight networks.
    table3 = [runs[1] for name, runs in found.items() if name.startswith("table3")]
    assert len(set(table3)) == 8


def test_in_small_every_row_has_its_full_sized_counterpart(tmp_path):
    small, full = rows("paper_small"), rows("ablations")
    for name, recipe in small.items():
        near = max((n for n in full if name.startswith(n)), key=len)
        for field in ("egn", "egn_input", "egn_implicit_stddev", "egn_attention"):
            assert getattr(recipe, field) == getattr(full[near], field), name
        assert recipe.gradient_loss == full[near].gradient_loss
        assert bool(recipe.egn_steps) == bool(full[near].egn_steps)
    assert {
        max((n for n in full if name.startswith(n)), key=len) for name in small
    } == {*full}
    first = {names(r, tmp_path, backbone_loss="mprnet")[0] for r in small.values()}
    assert len(first) == 1


def test_a_phase_is_another_with_any_flag_it_depends_on_and_no_other(tmp_path):
    recipe = Recipe(backbone_steps=3, egn_steps=2)
    one = names(recipe, tmp_path)
    assert names(recipe, tmp_path / "moved") == one

    def changed(**values):
        both = zip(
            one, names(dataclasses.replace(recipe, **values), tmp_path), strict=True
        )
        return [a != b for a, b in both]

    assert changed(egn_steps=3) == [False, True]
    assert changed(egn_gate="sigmoid") == [False, True]
    assert changed(egn_gate="linear") == [False, False]  # What the variant has anyway.
    assert changed(gradient_normalise="deviation") == [True, True]  # In the loss, too.
    assert changed(seed=2) == changed(crop=128) == [True, True]
    assert changed(branches=("whole", "half")) == [False, False]
    own = names(recipe, tmp_path, backbone_loss="mprnet")
    assert own[0] != one[0] and own[1] != one[1]  # Another start is another phase.


def test_a_phase_is_another_when_its_variant_has_changed(tmp_path, monkeypatch):
    recipe = Recipe(variant="egnet_tiny", backbone_steps=3, egn_steps=2)
    before = names(recipe, tmp_path)
    egn = dataclasses.replace(VARIANTS["egnet_tiny"].egn, num_modules=3)
    changed = dataclasses.replace(VARIANTS["egnet_tiny"], egn=egn)
    monkeypatch.setitem(VARIANTS, "egnet_tiny", changed)
    backbone, enhanced = names(recipe, tmp_path)
    assert backbone == before[0] and enhanced != before[1]


def test_a_stopped_training_stops_all_and_a_failed_one_fails_its_row(tmp_path):
    phases = phase_runs(Recipe(backbone_steps=1, egn_steps=1), tmp_path)
    called = []

    def call(code):
        return lambda *words: called.append(words) or code

    with pytest.raises(SystemExit) as stopped:
        train_row(phases, tmp_path / "row", call(0))
    assert stopped.value.code == 143
    with pytest.raises(InputError, match="Expected a training that ends"):
        train_row(phases, tmp_path / "row", call(1))
    assert not (tmp_path / "row").exists()
    assert all(f"--run={phases[0].path}" in words for words in called)
