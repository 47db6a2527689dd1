"""What Schemathesis has to know of this API beside its document; it loads this module in its own environment."""

from __future__ import annotations

import json
import os
import re
from typing import Any

import schemathesis  # type: ignore[import-not-found] # installed where it runs, and nowhere else

MOST = 64  # an array of a thousand objects takes it minutes to draw
ADMINISTRATOR = os.environ["REINFER_USER"]  # the id of the user whose token is used
NOBODY = "0" * 16
# What every request may be refused for: none of it may befall one that fits the document ...
OF_THE_FORM = ("wrong_content_type", "malformed_json", "unencodable_text", "schema_violation")
# ... but by these rules, which lie between two fields, behind the commas of a text or below keys of any name: the
# document cannot tell them.
BESIDE_THE_FORM = {
    "create_user": r".* is not (?:of type 'array'|of type 'string'|one of \[.*\])",  # permissions, project by project
    # Of `id` and `ids`, each by itself optional, and of the parts of `ids`.
    "delete_comments": r"\[\] should be non-empty|.* (?:does not match .*|is too long)",
    "dataset_statistics": r"'(?:any|none)_of' is a required property",  # with this kind of filter
    "dataset_summary": r"'(?:any|none)_of' is a required property",
    "get_labellings": r".* does not match .*",  # the parts of `ids`
    "query_dataset": r"'(?:any_of|none_of|label|seed)' is a required property",  # with this kind of order, too
    "update_user": r".* is not (?:of type 'array'|of type 'string'|one of \[.*\])",
}


@schemathesis.hook  # type: ignore[untyped-decorator] # theirs
def before_load_schema(_: Any, raw_schema: dict[str, Any]) -> None:
    """Take away what makes drawing slow: the largest arrays, and lengths that a pattern states already."""
    name = raw_schema["components"]["schemas"]["label_name"]
    del name["minLength"], name["maxLength"]
    _lighten(raw_schema)


def _lighten(node: Any) -> None:
    if isinstance(node, list):
        for each in node:
            _lighten(each)
    elif isinstance(node, dict):
        if isinstance(node.get("maxItems"), int) and node["maxItems"] > MOST:
            del node["maxItems"]
        _lighten([*node.values()])


@schemathesis.hook  # type: ignore[untyped-decorator] # theirs
def before_call(_: Any, case: Any, __: Any) -> None:
    """Keep the user who asks from deleting or disarming themselves: all that came after would be a 401 or a 403."""
    if case.method != "GET" and case.path_parameters.get("user_id") == ADMINISTRATOR:
        case.path_parameters["user_id"] = NOBODY


@schemathesis.check  # type: ignore[untyped-decorator] # theirs
def refused_in_documented_words(_: Any, response: Any, case: Any) -> None:
    """A refusal has the words that the document has for this operation and status; a valid request, no others' ones."""
    responses = case.operation.definition.raw["responses"]
    refusals = responses.get(str(response.status_code), {}).get("content", {}).get("application/json")
    if response.status_code < 400 or refusals is None:  # every refusal is more
        return
    message = json.loads(response.content)["message"]
    name = case.operation.definition.raw["operationId"]
    valid = case.meta is not None and case.meta.generation.mode.is_positive
    examples = case.operation.schema.raw_schema["components"]["examples"]
    allowed = [_pattern(examples[each]) for each in refusals["examples"] if not (valid and each in OF_THE_FORM)]
    if valid and name in BESIDE_THE_FORM:
        allowed.append(BESIDE_THE_FORM[name])
    assert any(re.fullmatch(each, message, re.DOTALL) for each in allowed), (
        f"{name}: {message!r} is not among {allowed}"
    )


def _pattern(example: dict[str, Any]) -> str:
    """What the message of a refusal is like, whatever is filled in."""
    parts = re.split(r"\{\w+\}", example["value"]["message"])
    return ".*".join(map(re.escape, parts))
