"""`PATH=VALUE` makes another manifest, or an error that names the path and what would be right."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError, NotFoundError
from core.release import ReleaseManifest
from core.types import CollectionSpec
from serving.prompts.library import load_prompts
from serving.releases.manifest_changes import changed, paths
from tests.support.manifests import SPEC, manifest

PROMPTS = load_prompts()
OTHER = replace(SPEC, splitter_fingerprint="t" * 64)


def spec_of(collection: str) -> CollectionSpec:
    if collection != OTHER.name:
        raise NotFoundError("There is no such collection.")
    return OTHER


def made(path: str, value: str) -> ReleaseManifest:
    return changed(manifest(), {path: value}, spec_of, PROMPTS)


def test_values_of_each_section_are_changed_and_the_rest_stays() -> None:
    result = changed(
        manifest(),
        {
            "retrieval.dense_weight": "0.7",
            "retrieval.top_k": " 6 ",
            "retrieval.language_weights.german": "0.2",
            "guards.abstention.threshold": "0.4",
            "guards.prompt_guard": "false",
            "guards.abstention.weights.dense": "2",
            "generator.kind": "llm",
            "generator.base_model": "a-model",
            "generator.sampling.temperature": "0.2",
        },
        spec_of,
        PROMPTS,
    )
    assert (result.retrieval.dense_weight, result.retrieval.top_k) == (0.7, 6)
    assert result.retrieval.language_weights == {"german": 0.2}
    assert result.retrieval.depth == manifest().retrieval.depth
    assert (result.guards.abstention.threshold, result.guards.abstention.weights) == (0.4, {"dense": 2.0})
    assert not result.guards.prompt_guard
    assert (result.generator.base_model, result.generator.sampling) == ("a-model", {"temperature": 0.2})
    assert (result.collection, result.prompts) == (manifest().collection, manifest().prompts)


def test_a_collection_is_named_and_the_index_says_what_it_was_built_with() -> None:
    assert made("collection", OTHER.name).collection.spec == OTHER


def test_a_prompt_is_named_by_version_and_the_library_says_its_hash() -> None:
    assert made("prompt.answer", "1").prompts["answer"] == PROMPTS["answer"][1].ref
    assert made("prompt.condense", "1").prompts["condense"] == PROMPTS["condense"][1].ref


def test_nothing_behind_the_equals_sign_takes_a_value_away() -> None:
    with_model = made("generator.base_model", "a-model")
    assert changed(with_model, {"generator.base_model": ""}, spec_of, PROMPTS).generator.base_model is None
    with pytest.raises(InputError, match=r"retrieval\.top_k"):
        made("retrieval.top_k", "")


def test_equal_values_written_differently_are_one_manifest() -> None:
    assert made("retrieval.dense_weight", "0.70").id == made("retrieval.dense_weight", ".7").id


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("retrieval.densweight", "0.7", "Did you mean retrieval.dense_weight?"),
        ("dense_weight", "0.7", "retrieval.dense_weight"),
        ("prompt.anwser", "1", "Did you mean prompt.answer?"),
        ("prompt.answer", "99", "There is 1"),
        ("prompt.answer", "one", "There is 1"),
        ("prompt.answer", "9" * 900, "There is 1"),
        ("collection", "documents-00000000", "index rebuild"),
        ("collection", "../../etc", "index rebuild"),
        ("retrieval.top_k", "many", "retrieval.top_k"),
        ("retrieval.top_k", "0", "retrieval.top_k"),
        ("retrieval.dense_weight", "nan", "retrieval.dense_weight"),
        ("guards.abstention.bias", "inf", "guards.abstention.bias"),
        ("guards.abstention.weights.unknown", "1", "guards.abstention.weights.dense"),
        ("retrieval.language_weights.klingon", "0.1", "These can be changed"),
        ("retrieval.language_weights.german", "2", "retrieval.language_weights.german"),
        ("generator.sampling.", "1", "retrieval.top_k"),
        ("generator.sampling.temperature", "hot", "generator.sampling.temperature"),
        ("generator.kind", "oracle", "generator.kind"),
        ("schema_version", "2", "These can be changed"),
        ("collection.embedder", "other", "Did you mean collection?"),
        ("", "1", "These can be changed"),
        ("retrieval.top_k", "1" * 5000, "1000 characters"),
    ],
)
def test_what_cannot_be_changed_is_named_with_what_can(path: str, value: str, said: str) -> None:
    with pytest.raises(InputError) as refused:
        made(path, value)
    assert path[:40] in refused.value.message
    assert said in refused.value.message + refused.value.hint


def tried(path: str, value: str) -> ReleaseManifest | InputError:
    try:
        return made(path, value)
    except InputError as refused:
        return refused


@given(st.text(max_size=40) | st.sampled_from(paths(manifest(), PROMPTS)), st.text(max_size=20))
def test_whatever_is_typed_there_is_a_manifest_that_can_be_stored_or_an_error_that_helps(path: str, value: str) -> None:
    result = tried(path, value)
    if isinstance(result, ReleaseManifest):
        assert ReleaseManifest.model_validate_json(result.model_dump_json()).id == result.id
    else:
        assert result.hint


def test_a_collection_of_another_embedder_leaves_the_question_map_behind() -> None:
    kept = "a" * 64
    taught = changed(manifest(), {"retrieval.question_map": kept}, spec_of, PROMPTS)
    assert taught.retrieval.question_map == kept
    assert changed(taught, {"collection": OTHER.name}, spec_of, PROMPTS).retrieval.question_map == kept
    foreign = replace(SPEC, embedder="another", embedder_fingerprint="z" * 64)
    assert changed(taught, {"collection": foreign.name}, lambda _name: foreign, PROMPTS).retrieval.question_map is None
    both = {"collection": foreign.name, "retrieval.question_map": "b" * 64}
    assert changed(taught, both, lambda _name: foreign, PROMPTS).retrieval.question_map == "b" * 64
