"""Writes `pytest_reinfer/types.py` from the schemas: `python docs/make_types.py`. A test holds the two together."""

from __future__ import annotations

import json
import keyword
import posixpath
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_reinfer import contract

if TYPE_CHECKING:
    from collections.abc import Iterator

TYPES = Path(__file__).parent.parent / "pytest_reinfer" / "types.py"
COMMON = "objects/common.json"
WIDTH = 120
INDENT = "    "
SIMPLE = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}

# What callers send and get that is no object of its own: a part of a route.
OF_ROUTES = {
    "CreateDatasetRequest": "routes/create_dataset.json#/properties/body",
    "UpdateDatasetRequest": "routes/update_dataset.json#/properties/body",
    "CreateSourceRequest": "routes/create_source.json#/properties/body",
    "UpdateSourceRequest": "routes/update_source.json#/properties/body",
    "ExportRequest": "routes/export_dataset.json#/properties/body",
    "SyncRequest": "routes/sync_comments.json#/properties/body",
    "UpdateLabellingRequest": "routes/update_labelling.json#/properties/body",
    "SyncRawEmailsRequest": "routes/sync_raw_emails.json#/properties/body",
    "CreateCommentsRequest": "routes/create_comments.json#/properties/body",
    "CommentPage": "routes/list_comments.json#/properties/response",
    "ExportPage": "routes/export_dataset.json#/properties/response",
}
# An object within another is called after both, as in LabelMetadata, unless it stands here.
NAMES = {place: name for name, place in OF_ROUTES.items()} | {
    "objects/dataset.json#/properties/entity_defs/items": "DatasetEntityDef",
    "objects/dataset.json#/properties/label_defs/items": "DatasetLabelDef",
    "objects/dataset.json#/properties/label_groups/items": "DatasetLabelGroup",
    "objects/dataset.json#/properties/label_groups/items/properties/label_defs/items": "DatasetLabelDef",
    "objects/exported_comment.json#/properties/annotations": "Annotations",
    "objects/exported_comment.json#/properties/annotations/properties/labels": "AssignedLabels",
    "objects/exported_comment.json#/properties/predictions": "Predictions",
    "objects/label_def.json#/properties/moon_form/items": "MoonFormField",
    "objects/label_def.json#/properties/pretrained": "Pretrained",
    "objects/message.json#/properties/subject": "Subject",
}
# What of `pytest_reinfer.strategies` draws an object; the others are drawn from their schema.
STRATEGIES = {
    "Annotations": "annotations()",
    "Attachment": "attachments()",
    "Comment": "comments()",
    "CreateDatasetRequest": "create_dataset_requests()",
    "CreateSourceRequest": "create_source_requests()",
    "Dataset": "datasets()",
    "Error": "error_bodies()",
    "ExportPage": "export_pages()",
    "ExportRequest": "export_requests()",
    "ExportedComment": "exported_comments()",
    "Label": "labels()",
    "Message": "messages()",
    "ModelTag": "model_tags()",
    "NewComment": 'comments(form="upload")',
    "PredictedLabel": "predicted_labels()",
    "Predictions": "predictions()",
    "Source": "sources()",
    "SyncRequest": "sync_requests()",
    "UpdateDatasetRequest": "update_dataset_requests()",
    "UpdateSourceRequest": "update_source_requests()",
    "UpdateLabellingRequest": "update_labelling_requests()",
}

START = '''\
"""The objects of the API as typed dictionaries, to annotate your code with: `from pytest_reinfer.types import Dataset`.

Made by docs/make_types.py from schemas/: do not edit it here.
"""

import sys
from typing import Any, Literal, NotRequired, TypeAlias, TypedDict
'''
END = '''\
def register() -> None:
    """Let Hypothesis draw an object of the API by its type; called as soon as both are imported, and not before."""
    from hypothesis import strategies  # noqa: PLC0415 -- the annotations are for programs without Hypothesis, too

    for each in _STRATEGIES:
        strategies.register_type_strategy(each, _strategy)


def _strategy(asked: Any) -> Any:
    """The strategy of one of the classes above.

    Hypothesis asks also for any type that a dictionary could stand for, such as `Mapping[str, int]`, where these
    classes have no part.
    """
    if not isinstance(asked, type) or asked not in _STRATEGIES:
        return NotImplemented
    from pytest_reinfer import strategies  # noqa: PLC0415 -- only where a test draws one

    return _STRATEGIES[asked](strategies)


if "hypothesis" in sys.modules:  # otherwise it calls `pytest_reinfer.for_hypothesis` when it is imported
    register()
'''


def types() -> str:
    """The text of `pytest_reinfer/types.py`."""
    found: dict[str, tuple[str, str]] = {}  # the place and the text of each name, after those that it uses
    objects = [name for name in contract.documents() if name.startswith("objects/") and name != COMMON]
    for place in (*objects, *OF_ROUTES.values()):
        define(place, found)
    rows = [row(name, place) for name, (place, _) in sorted(found.items()) if is_class(place)]
    table = "\n".join(["_STRATEGIES: dict[Any, Any] = {", *rows, "}\n"])
    return "\n\n".join([START, *(f"{text}\n" for _, text in found.values()), table, END])


def row(name: str, place: str) -> str:
    """How an object is drawn, as a row of the table of them."""
    start, argument = f"{INDENT}{name}: lambda made: made.", f"from_schema({quoted(place)})"
    line = f"{start}{STRATEGIES.get(name, argument)},"
    if len(line) <= WIDTH:
        return line
    return f"{start}from_schema(\n{INDENT * 2}{quoted(place)}\n{INDENT}),"


def define(place: str, found: dict[str, tuple[str, str]]) -> None:
    """Add what stands at a place, and before it what that uses."""
    for used in uses(place):
        define(used, found)
    name = name_of(place)
    first, _ = found.setdefault(name, (place, definition(place)))
    if (hints(first), written(first)) != (hints(place), written(place)):
        raise ValueError(f"{name} would be two things, one of them at {place}: name one in NAMES.")


def uses(place: str) -> Iterator[str]:
    """The places with a name that the definition of a place speaks of."""
    for part in [*properties(place).values(), *([f"{place}/items"] if "items" in at(place) else [])]:
        meant = typed(part)
        if is_class(meant) or is_alias(meant):
            yield meant
        else:
            yield from uses(meant)


# -------------------------------------------------------------------------------------------- places in the schemas


def at(place: str) -> dict[str, Any]:
    """The schema at a place such as `objects/label.json#/properties/name`; one with a reference is itself."""
    name, _, pointer = place.partition("#")
    schema: Any = contract.documents()[name]
    for step in pointer.split("/")[1:]:
        schema = schema.get(step, {})  # a key that is required and not described may be anything
    found: dict[str, Any] = schema
    return found


def chain(place: str) -> Iterator[str]:
    """A place, the place that it refers to, and so on."""
    yield place
    if "$ref" in at(place):
        name = place.partition("#")[0]
        target, _, pointer = at(place)["$ref"].partition("#")
        file = posixpath.normpath(posixpath.join(posixpath.dirname(name), target)) if target else name
        yield from chain(f"{file}#{pointer}" if pointer else file)


def typed(place: str) -> str:
    """The first place of a chain that says of what type the value is; the last one, where none does."""
    *_, last = places = list(chain(place))
    return next((each for each in places if {"type", "enum", "const"} & set(at(each))), last)


def properties(place: str) -> dict[str, str]:
    """The keys of an object with their places: those that are described, and those that are required alone."""
    schema = at(place)
    top = place if "#" in place else f"{place}#"
    return {key: f"{top}/properties/{key}" for key in [*schema.get("properties", {}), *schema.get("required", [])]}


def is_class(place: str) -> bool:
    """Whether a place is an object with keys of its own."""
    return bool(properties(place))


def is_alias(place: str) -> bool:
    """Whether a place is something else that deserves a name: an object of other keys, or a list of words shared."""
    file, _, pointer = place.partition("#")
    return not pointer or (file == COMMON and pointer.count("/") == len(["", "$defs"]) and "enum" in at(place))


def name_of(place: str) -> str:
    """The name of what stands at a place."""
    if place in NAMES:
        return NAMES[place]
    file, _, pointer = place.partition("#")
    if not pointer or pointer.startswith("/$defs/"):
        return pascal(pointer.rpartition("/")[2] or str(at(file)["title"]))
    above, _, key = place.removesuffix("/items").rpartition("/properties/")
    return name_of(above.removesuffix("#")) + pascal(key)


def pascal(name: str) -> str:
    """`label_def` as the name of a class: LabelDef."""
    return "".join(part.capitalize() for part in name.split("_"))


# -------------------------------------------------------------------------------------------------- Python's words


def definition(place: str) -> str:
    """The class of an object, or the alias of anything else."""
    name, schema = name_of(place), at(place)
    if not is_class(place):
        comment = textwrap.fill(schema["description"], WIDTH, initial_indent="# ", subsequent_indent="# ")
        return f"{comment}\n{alias(name, written(place))}"
    odd = [f"{quoted(key)}: {hint}" for key, hint in hints(place).items() if not is_name(key)]
    base = f"_{name}" if odd else "TypedDict"
    lines = [f"# {key}: {description(inner)}".rstrip() for key, inner in properties(place).items() if not is_name(key)]
    lines += [f'{base} = TypedDict("{base}", {{{", ".join(odd)}}})\n\n'] if odd else []
    lines += [f"class {name}({base}):", docstring(told(place)), ""]
    for key, hint in hints(place).items():
        if is_name(key):
            lines.append(f"{INDENT}{key}: {hint}")
            lines += [wrapped(about)] if (about := description(properties(place)[key])) else []
    return "\n".join(lines)


def hints(place: str) -> dict[str, str]:
    """The types of the keys of an object."""
    required = at(place).get("required", [])
    return {
        key: meaning(inner) if key in required else f"NotRequired[{meaning(inner)}]"
        for key, inner in properties(place).items()
    }


def alias(name: str, meant: str) -> str:
    """The line of an alias, or the lines where it is long."""
    line = f"{name}: TypeAlias = {meant}"
    if len(line) <= WIDTH:
        return line
    head, _, inner = line.removesuffix("]").partition("[")
    return "\n".join([f"{head}[", *(f"{INDENT}{word}," for word in inner.split(", ")), "]"])


def is_name(key: str) -> bool:
    """Whether a key can be written in the body of a class."""
    return key.isidentifier() and not keyword.iskeyword(key) and not key.startswith("__")


def meaning(place: str) -> str:
    """The type of a value, by its name if it has one."""
    meant = typed(place)
    return name_of(meant) if is_class(meant) or is_alias(meant) else written(meant)


def written(place: str) -> str:
    """The type of a value in full."""
    schema = at(place)
    if words := schema.get("enum", [schema["const"]] if "const" in schema else []):
        return f"Literal[{', '.join(map(quoted, words))}]"
    kinds = schema.get("type", [])
    return " | ".join(of_kind(place, kind) for kind in ([kinds] if isinstance(kinds, str) else kinds)) or "Any"


def of_kind(place: str, kind: str) -> str:
    """The type of a value of which the kind is known, such as `array`."""
    schema = at(place)
    if kind == "array":
        return f"list[{meaning(f'{place}/items') if 'items' in schema else 'Any'}]"
    if kind == "object":
        values = [at_once(each) for each in schema.get("patternProperties", {}).values()]
        return f"dict[str, {' | '.join(dict.fromkeys(values)) or 'Any'}]"
    return SIMPLE[kind]


def at_once(schema: dict[str, Any]) -> str:
    """The type of a schema without references; the keys of patterns hold no others, and objects are not told apart."""
    return SIMPLE.get(schema["type"], "Any")


def quoted(value: Any) -> str:
    """A constant of JSON in Python, in the quotes of the formatter."""
    return json.dumps(value) if isinstance(value, str) else repr(value)


def told(place: str) -> str:
    """What the docstring of a class says."""
    file, _, pointer = place.partition("#")
    own = str(at(place).get("description", ""))
    if place in OF_ROUTES.values():
        route = at(file)
        if pointer.endswith("/body"):
            return f"The body of a request to `{route['title']}`. {own}".rstrip()
        return f"The answer of `{route['title']}`. {route['description']}"
    if own:
        return own
    above, _, key = place.removesuffix("/items").rpartition("/properties/")
    return f"{'One of' if place.endswith('/items') else 'The'} `{key}` of `{name_of(above.removesuffix('#'))}`."


def description(place: str) -> str:
    """What is said of a key: beside it, or where it refers to; a class speaks for itself."""
    told = (str(at(each).get("description", "")) for each in chain(place) if each == place or "/$defs/" in each)
    return "" if is_class(place) else next(filter(None, told), "")


def docstring(text: str) -> str:
    """The docstring of a class: on a line, or a sentence and after it the others."""
    first, _, rest = text.partition(". ")
    if len(f'{INDENT}"""{text}"""') <= WIDTH or not rest:
        return wrapped(text)
    lines = textwrap.wrap(rest, WIDTH, initial_indent=INDENT, subsequent_indent=INDENT)
    return "\n".join([f'{INDENT}"""{first}.', "", *lines, f'{INDENT}"""'])


def wrapped(text: str) -> str:
    """What is said of a key, below it, where editors look for it: on a line, or on as many as it takes."""
    line = f'{INDENT}"""{text}"""'
    if len(line) <= WIDTH:
        return line
    lines = textwrap.wrap(f'"""{text}', WIDTH, initial_indent=INDENT, subsequent_indent=INDENT)
    return "\n".join([*lines, f'{INDENT}"""'])


if __name__ == "__main__":
    TYPES.write_text(types(), encoding="utf-8")
