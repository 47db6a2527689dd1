"""`pytest-reinfer serve`: a tenant to click and to script against, for other languages and for people."""

from __future__ import annotations

import errno
import signal
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import Empty, SimpleQueue
from shlex import quote
from typing import TYPE_CHECKING, Final

from pytest_reinfer.commands import say, tell

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Sequence

    from pytest_reinfer.fake import FakeTenant
    from pytest_reinfer.tenant import Tenant
    from pytest_reinfer.wire import Request, Response

PORT: Final = 8765
DATASETS: Final = ("acme/support",)
COMMENTS: Final = 100
PAUSE: Final = 5  # seconds between two looks at whether something has changed that is to be saved
FAILED: Final = 1  # the exit code where it could not be saved


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Say what it takes."""
    parser = commands.add_parser(
        "serve",
        help="answer as a tenant on a port of this machine until stopped, with a page for the browser",
        description="Answers as a tenant on 127.0.0.1 until it is stopped by Ctrl-C or SIGTERM. Prints where, and a "
        "token; in a browser the address shows what the tenant holds and what it was asked.",
    )
    parser.add_argument("--port", type=_whole, default=PORT, help=f"0 is any that is free (default: {PORT})")
    parser.add_argument("--token", help="of the user who may do everything, 8 printable characters or more")
    parser.add_argument("--seed", type=int, help="what ids, tokens and comments follow from (default: 0)")
    parser.add_argument(
        "--datasets",
        nargs="+",
        metavar="NAME",
        help=f"project/name of each, or how many there are to be (default: {' '.join(DATASETS)})",
    )
    parser.add_argument("--comments", type=_whole, help=f"how many in each dataset (default: {COMMENTS})")
    parser.add_argument(
        "--url-style",
        choices=("root", "uipath"),
        default="root",
        help="the tenant at the root of its host, or below a path as in the cloud of UiPath (default: root)",
    )
    parser.add_argument(
        "--state",
        type=Path,
        metavar="FILE",
        help=f"keep the tenant in this JSON file between runs; it is saved within {PAUSE} seconds of a change, and at "
        "the end",
    )
    parser.set_defaults(run=run)


def _whole(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number


_whole.__name__ = "whole number"  # as argparse calls it


def run(options: argparse.Namespace) -> int:
    """Answer until told to stop; the exit code. Raises OSError and ValueError where that cannot be."""
    from pytest_reinfer.state import BadState  # noqa: PLC0415

    try:
        return _serve(options)
    except BadState as error:
        raise OSError(error) from None
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise OSError(f"the port {options.port} is taken: name another by --port, or 0 for any") from None


def _serve(options: argparse.Namespace) -> int:
    from pytest_reinfer.server import Server  # noqa: PLC0415 -- not for --help
    from pytest_reinfer.view import pages  # noqa: PLC0415

    shown: Future[Callable[[Request], Response | None]] = Future()  # requests that come before the tenant wait for it
    with Server(options.port, pages=lambda request: shown.result()(request)) as server:  # noqa: PLW0108 -- waits
        try:
            tenant = _tenant(options, server.url)
            kept = None if options.state is None else _Kept(tenant, options.state)
            server.plug(tenant)
            shown.set_result(_in_real_time(tenant, pages(tenant)))
        except BaseException:
            shown.set_result(lambda _: None)
            raise
        told: SimpleQueue[int] = SimpleQueue()  # may be put into by a handler of signals, whatever it interrupts
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda got, _: told.put(got))
        _tell(tenant, server.url, options)
        while _goes_on(told):
            if kept is not None:
                kept.save()
    return 0 if kept is None or kept.save() else FAILED


def _in_real_time(
    tenant: FakeTenant, answer: Callable[[Request], Response | None]
) -> Callable[[Request], Response | None]:
    """The same answers, with the tenant's clock brought up to the real one before each: programs compare with it."""

    def answer_now(request: Request) -> Response | None:
        behind = datetime.now(UTC) - tenant.clock.now
        if behind > timedelta():
            tenant.clock.advance(behind)
        return answer(request)

    return answer_now


def _goes_on(told: SimpleQueue[int]) -> bool:
    """Wait a while; False as soon as there is a signal."""
    try:
        told.get(timeout=PAUSE)
    except Empty:
        return True
    return False


def _tenant(options: argparse.Namespace, server_url: str) -> FakeTenant:
    """The tenant of the state file, or a new one."""
    from pytest_reinfer.fake import FakeTenant  # noqa: PLC0415
    from pytest_reinfer.server import tenant_url  # noqa: PLC0415

    url = server_url if options.url_style == "root" else tenant_url(server_url, "dev")
    tenant = FakeTenant(url, seed=options.seed or 0, unknown_routes="allow", unbuilt_routes="allow")
    if options.state is not None and options.state.exists():
        tenant.load(options.state)
        unused = [f"--{name}" for name in ("seed", "datasets", "comments") if getattr(options, name) is not None]
        if unused:
            tell("serve", f"{options.state} holds a tenant: {', '.join(unused)} not used")
    else:
        comments = COMMENTS if options.comments is None else options.comments
        for name in _names(options.datasets or DATASETS):
            with _about("--datasets"):
                tenant.add_dataset(name, comments=comments)
    if options.token is not None:
        with _about("--token"):
            tenant.rotate_token(token=options.token)
    return tenant


@contextmanager
def _about(option: str) -> Iterator[None]:
    """Let an error name the option, and not the method that it was given to."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{option}: {str(error).partition(': ')[2]}") from None


def _names(given: Sequence[str]) -> Sequence[str]:
    """The names of datasets; for a number, so many names."""
    if len(given) == 1 and given[0].isdecimal():
        return [f"acme/dataset-{number}" for number in range(1, int(given[0]) + 1)]
    return given


class _Kept:
    """A tenant and the file that it is saved to when it has changed."""

    def __init__(self, tenant: FakeTenant, path: Path) -> None:
        self._tenant = tenant
        self._path = path
        self._saved: Tenant | None = None
        self._write()  # where it cannot be written, nobody should start to work with it

    def save(self) -> bool:
        """Save what has changed; whether it is saved. What is wrong is told, and tried again the next time."""
        try:
            self._write()
        except OSError as error:
            tell("serve", f"not saved: {error}")
            return False
        return True

    def _write(self) -> None:
        from pytest_reinfer import state  # noqa: PLC0415

        now = self._tenant.snapshot()
        if self._saved is None or not state.same(self._saved, now):
            state.write(now, self._path)
            self._saved = now


def _tell(tenant: FakeTenant, server_url: str, options: argparse.Namespace) -> None:
    """Where the tenant is, the token, and how to start; the one place where a token is shown."""
    from pytest_reinfer import contract  # noqa: PLC0415

    url = tenant.url + contract.routes()["list_datasets"].path
    headers = " ".join(f"-H {quote(f'{name}: {value}')}" for name, value in tenant.headers.items())
    for name, value in tenant.environment.items():
        say(f"{name}={quote(value)}")
    say(f"Page:  {server_url}/")
    say(f"Try:   curl {headers} {quote(url)}")
    if options.state is not None:
        say(f"State: {options.state}, saved within {PAUSE} seconds of a change, and at the end")
    say("Stop:  Ctrl-C")
