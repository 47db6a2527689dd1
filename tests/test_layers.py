"""Imports point down, and heavy ones stand where they are used."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import pytest_reinfer

PACKAGE = Path(pytest_reinfer.__file__).parent
# From the bottom up: a module may import from its own layer's left neighbours and from any layer below.
LAYERS = [
    ["whole", "wire", "stamps", "travel", "patching", "phrases", "types", "for_hypothesis", "tags"],
    ["content"],
    ["contract.reading"],
    ["contract.conventions", "contract.shapes"],
    ["contract.validation"],
    ["contract.routing"],
    ["contract.exchanges"],
    ["contract.checks"],
    ["contract"],
    ["recordings", "recordings.bodies", "recordings.files", "recordings.views", "recordings.kinds"],
    ["recordings.scrubber"],
    ["recordings.exchanges"],
    ["recordings.checking", "recordings.scrubbing"],
    ["recordings.reports"],
    ["refusal", "comments", "log", "violations", "evidence", "bundle"],
    ["openapi"],
    ["faults", "tenant", "rulebook", "drift", "probes"],
    ["reliance"],
    ["clock", "budget", "emails", "markup", "threads"],
    ["variations"],
    ["export", "labelling", "people", "query", "seeding", "state", "unexpected", "given"],
    ["verdict", "projects", "recordings.taking"],
    ["handlers.call"],
    [
        *("handlers.buckets", "handlers.comments", "handlers.datasets", "handlers.labellings", "handlers.labels"),
        *("handlers.projects", "handlers.queries", "handlers.sources", "handlers.users"),
    ],
    ["handlers"],
    ["api"],
    [
        *("transports", "transports.asgi", "transports.guard", "transports.respx", "transports.sockets"),
        "transports.waits",
    ],
    [
        *("transports.aiohttp", "transports.http_client", "transports.httpx", "transports.urllib3"),
        *("transports.uvicorn", "transports.wsgi"),
    ],
    ["transports.requests", "transports.arrivals", "transports.onward"],
    ["transports.switchboard"],
    ["effects"],
    ["injection"],
    ["fake"],
    ["real", "server", "screens", "live", "coverage", "varying"],
    ["view", "verify", "coverage.items"],
    ["verify_reports", "coverage.meeting"],
    ["coverage.tally"],
    ["coverage.report"],
    ["coverage.page", "coverage.table"],
    ["strategies.tables"],
    ["strategies.parts", "strategies.plans"],
    ["strategies.objects", "strategies.model"],
    ["strategies.bodies", "strategies.tenants", "strategies.steps"],
    ["strategies.machine"],
    ["strategies"],
    [""],
    ["runs", "mutants"],
    ["reruns"],
    ["options"],
    ["options.coverage", "options.exchanges", "options.mutants", "options.target"],
    ["markers", "arguments"],
    ["session"],
    ["plugin"],
    ["commands"],
    [
        *("commands.check", "commands.evidence", "commands.openapi", "commands.schemas", "commands.serve"),
        "commands.verify",
    ],
    ["command"],
    ["__main__"],
]
HEIGHT = {f"pytest_reinfer.{name}".rstrip("."): height for height, layer in enumerate(LAYERS) for name in layer}
FREE_BELOW_THE_DOORS = {
    *("requests", "responses", "urllib3", "httpx", "httpx2", "aiohttp", "h11", "uvicorn", "pytest", "hypothesis"),
    "faker",
}


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


MODULES = {
    module_name(path): ast.parse(path.read_text(encoding="utf-8"))
    for path in PACKAGE.rglob("*.py")
    if "schemas" not in path.parts
}


def imported(tree: ast.AST) -> set[str]:
    """What a module imports, at its top, in its functions and for its types."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else node.module for name in whole}
    return found


def test_every_module_has_its_layer() -> None:
    assert set(MODULES) == set(HEIGHT)


@pytest.mark.parametrize("name", MODULES)
def test_imports_point_down(name: str) -> None:
    ours = {other for other in imported(MODULES[name]) if other.startswith("pytest_reinfer")} - {name}
    if name in ("pytest_reinfer", "pytest_reinfer.plugin", "pytest_reinfer.session"):
        return  # the top of the house, which names what is below in functions only
    if name == "pytest_reinfer.types":
        ours -= {"pytest_reinfer.strategies"}  # which Hypothesis asks for, should it ever draw one of the types
    upward = {other for other in ours if other != "pytest_reinfer" and HEIGHT[other] >= HEIGHT[name]}
    assert upward == set()


@pytest.mark.parametrize("name", [name for name in MODULES if HEIGHT[name] < HEIGHT["pytest_reinfer.transports"]])
def test_no_client_library_is_known_below_the_doors(name: str) -> None:
    used = {other.partition(".")[0] for other in imported(MODULES[name])} & FREE_BELOW_THE_DOORS
    known = {"pytest_reinfer.content": {"faker"}, "pytest_reinfer.types": {"hypothesis"}}
    assert used <= known.get(name, set())


def at_import(tree: ast.Module) -> list[ast.stmt]:
    return [node for node in tree.body if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test))]


@pytest.mark.parametrize("name", MODULES)
def test_heavy_libraries_are_imported_where_they_are_used(name: str) -> None:
    heavy = {
        *("jsonschema", "jsonschema_rs", "referencing", "hypothesis", "faker", "requests", "responses", "urllib3"),
        *("h11", "uvicorn", "trustme", "ijson", "yaml"),
    }
    if name in (
        "pytest_reinfer.transports.requests",
        "pytest_reinfer.transports.urllib3",
        "pytest_reinfer.transports.uvicorn",
    ):
        return
    if name.startswith("pytest_reinfer.strategies"):
        heavy -= {"hypothesis"}  # tests import these, and for its sake
    used = {
        other.partition(".")[0]
        for node in at_import(MODULES[name])
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for other in imported(node)
    }
    assert used & heavy == set()


@pytest.mark.parametrize("name", MODULES)
def test_no_module_holds_state(name: str) -> None:
    for node in at_import(MODULES[name]):
        value = getattr(node, "value", None)
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and isinstance(value, (ast.List, ast.Set, ast.ListComp)):
            targets = ast.unparse(node.targets[0] if isinstance(node, ast.Assign) else node.target)
            assert targets == "__all__", f"{name} line {node.lineno}: {targets}"


@pytest.mark.parametrize("name", MODULES)
def test_paths_of_the_api_stand_in_the_schemas_alone(name: str) -> None:
    docstrings = {
        ast.get_docstring(node, clean=False)
        for node in ast.walk(MODULES[name])
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
    }
    for node in ast.walk(MODULES[name]):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value not in docstrings:
            assert "/api/" not in node.value, node.lineno
            assert "reinfer.io" not in node.value, node.lineno
