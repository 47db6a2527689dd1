"""The catalogue of rules: every rule of the schemas with its evidence; answers without what is known on less."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_reinfer import contract, evidence

DATASET = "$.dataset"
EVERY = [name for name in contract.documents() if name not in ("api.json", "state.json")]
EVIDENCED = set(evidence.CONSTRAINTS)


def nodes(node: Any) -> list[Any]:
    """Every schema within a schema."""
    if not isinstance(node, dict):
        return []
    inner = [
        each for keyword in ("$defs", "properties", "patternProperties") for each in node.get(keyword, {}).values()
    ]
    return [node, *(found for each in [*inner, node.get("items")] for found in nodes(each))]


def found(about: str, **wanted: Any) -> list[evidence.Rule]:
    return [
        rule for rule in evidence.about(about) if all(getattr(rule, name) == value for name, value in wanted.items())
    ]


@pytest.mark.parametrize("name", EVERY)
def test_every_constraint_of_a_schema_is_a_rule_of_it(name: str) -> None:
    schema = contract.documents()[name]
    said = [(rule.rule, rule.says) for rule in evidence.about(schema["title"])]
    for node in nodes(schema):
        for keyword in EVIDENCED & set(node):
            assert (keyword, node[keyword]) in said


@pytest.mark.parametrize("name", EVERY)
def test_every_evidence_of_a_schema_is_that_of_a_rule(name: str) -> None:
    schema = contract.documents()[name]
    known = {f"{rule.kind}: {rule.source}" for rule in evidence.about(schema["title"])}
    for node in nodes(schema):
        for keyword, text in node.get("x-evidence", {}).items():
            assert keyword == "*" or text in known
    assert {entry["evidence"] for entry in schema.get("x-behaviour", ())} <= known


def test_every_entry_of_the_tables_of_the_api_is_a_rule() -> None:
    rules = evidence.about("api")
    known = {f"{rule.kind}: {rule.source}" for rule in rules}
    api = contract.documents()["api.json"]
    tables = ("x-headers", "x-permissions", "x-errors", "x-failures")
    entries = [entry for table in tables for entry in api[table].values()]
    entries += [*api["x-servers"], *api["x-behaviour"], api["x-max-body"], api["x-no-charge"]]
    assert {entry["evidence"] for entry in entries} | set(api["x-unbuilt"].values()) == known
    assert len(rules) == len(entries) + len(api["x-unbuilt"])


def test_every_rule_has_a_kind_and_a_source_and_is_told_once() -> None:
    for rule in evidence.rules():
        assert rule.kind in contract.convention("x-evidence-kinds"), rule
        assert rule.source, rule
    told = [(rule.about, rule.place, rule.rule, str(rule.says)) for rule in evidence.rules()]
    assert len(told) == len(set(told))


def test_a_limit_stands_at_its_place_with_its_own_evidence() -> None:
    (least,) = found("export_dataset", place="$.body.limit", rule="minimum")
    (most,) = found("export_dataset", place="$.body.limit", rule="maximum")
    (field,) = found("export_dataset", place="$.body.limit", rule="field")
    assert (least.says, least.kind) == (1, "assumed")
    assert (most.says, most.kind) == (256, "documented")
    assert field.kind == "documented"
    assert str(most) == "$.body.limit: maximum 256"


def test_a_route_and_its_permission_are_rules() -> None:
    (route,) = found("export_dataset", rule="route")
    (permission,) = found("export_dataset", rule="permission")
    (none,) = found("get_current_user", rule="permission")
    assert route.says.startswith("POST ")
    assert (permission.says, none.says) == ("Export datasets", "none")


def test_a_small_value_is_told_where_it_stands_and_an_object_only_named() -> None:
    assert found("comment", place="$.timestamp", rule="pattern")
    assert found("export_dataset", place="$.response.comments[*]", rule="field", says="exported_comment")
    assert not found("export_dataset", place="$.response.comments[*].comment")


def test_keys_of_one_pattern_are_one_field() -> None:
    assert [rule.kind for rule in found("user_properties", place="$.string:*", rule="field")] == ["documented"]


def test_names_are_looked_up_by_pattern() -> None:
    names = {rule.about for rule in evidence.about("list_*", "dataset")}
    assert {"list_users", "list_datasets", "dataset"} <= names
    assert "get_dataset" not in names


def test_a_name_that_nothing_has_is_refused_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"Nothing is called 'exprt_dataset'.*: export_dataset, "):
        evidence.about("exprt_dataset")


def test_a_rule_applies_where_its_field_was_sent_or_its_refusal_met() -> None:
    def applied(*sent: str, refusal: str | None = None) -> list[str]:
        return [rule.says for rule in evidence.applied("export_dataset", sent, refusal)]

    assert applied() == []
    assert applied("$.body.to") == ["`from` and `to` are both inclusive."]
    assert applied(refusal="bad_continuation") == ["A continuation that this dataset did not give out is 400."]


# --------------------------------------------------------------------------------------------------- answers

ANSWER: dict[str, Any] = {
    "dataset": {
        **contract.documents()["objects/dataset.json"]["examples"][0],
        "limited_access": False,
        "made_up": 1,
    },
    "status": "ok",
}


def test_an_answer_loses_the_keys_that_are_known_on_less() -> None:
    rest, left_out = evidence.trimmed("get_dataset", ANSWER, "documented")
    kept = ("created", "description", "has_sentiment", "id", "last_modified", "model_family", "name", "owner")
    assert set(rest) == {"dataset", "status"}
    assert set(rest["dataset"]) == {*kept, "source_ids", "title"}
    assert {rule.place for rule in left_out} == {
        f"{DATASET}.{key}" for key in set(ANSWER["dataset"]) - set(rest["dataset"])
    }
    assert {(rule.about, rule.rule) for rule in left_out} == {("get_dataset", "field")}


def test_an_answer_keeps_what_is_known_as_well_as_is_asked() -> None:
    rest, left_out = evidence.trimmed("get_dataset", ANSWER, "client")
    assert {rule.place: rule.kind for rule in left_out} == {f"{DATASET}.made_up": "assumed"}
    assert rest["dataset"]["label_groups"] == ANSWER["dataset"]["label_groups"]
    assert evidence.trimmed("get_dataset", ANSWER, "assumed") == (ANSWER, ())


def test_an_answer_of_a_route_that_is_known_on_less_keeps_what_is_known_as_well() -> None:
    answer = contract.documents()["routes/get_bucket.json"]["examples"][0]["response"]
    assert evidence.trimmed("get_bucket", answer, "documented") == evidence.trimmed("get_bucket", answer, "client")
    assert evidence.trimmed("get_bucket", answer, "documented").answer["bucket"]


def test_the_keys_of_every_documented_sample_stay() -> None:
    for name in ("list_datasets", "get_dataset", "get_model_tags", "export_dataset"):
        sample = contract.documents()[f"routes/{name}.json"]["examples"][0]["response"]
        rest, left_out = evidence.trimmed(name, sample, "documented")
        allowed = ("entity_defs", "general_fields", "label_defs", "label_groups", "_dataset_flags")
        assert [rule for rule in left_out if not rule.place.endswith(allowed)] == []
        assert rest["status"] == "ok"


def test_a_key_that_must_be_there_is_known_by_that_where_no_field_is_described() -> None:
    entity = {"id": "1", "name": "n", "title": "", "color": 0, "inherits_from": [], "trainable": False}
    answer = {"dataset": {"entity_defs": [entity]}, "status": "ok"}
    assert evidence.trimmed("get_dataset", answer, "client") == (answer, ())


def test_data_under_names_of_its_own_stays() -> None:
    comment = {"user_properties": {"string:Team": "North", "number:Age": 1}}
    rest, left_out = evidence.trimmed("export_dataset", {"comments": [{"comment": comment}]}, "documented")
    assert rest == {"comments": [{"comment": {"user_properties": {"string:Team": "North"}}}]}
    assert [rule.place for rule in left_out] == ["$.comments[*].comment.user_properties.number:*"]


def test_a_wrong_kind_is_refused_with_the_kinds_there_are() -> None:
    with pytest.raises(
        ValueError, match=r"'docs' is no kind of evidence.*documented, swagger, sample, client, assumed"
    ):
        evidence.trimmed("get_dataset", {}, "docs")
