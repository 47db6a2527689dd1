"""What a recording must not give away: one table of the kinds of secrets and addresses, and of names that hold them."""

from __future__ import annotations

import re
from functools import cache
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_reinfer import contract

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Kind(NamedTuple):
    """A kind of secret: what it is called, what every text with one holds, how it looks, and what takes its place.

    The groups of the pattern are what is secret; without groups all of it is.
    """

    name: str
    hints: tuple[str, ...]  # one of them is in every text that has one
    pattern: re.Pattern[str]
    like: str  # what it is replaced by: "text", "e-mail", "phone", "ip"
    real: Callable[[str], bool] = lambda _: True


# ------------------------------------------------------------------------------------ what takes the place of secrets

OWN: Final = re.compile(r"[Ss]crubbed-[0-9a-f]{16}|scrubbed-[0-9a-f]{16}(?:@scrubbed)?\.invalid|999[0-9]{12}")
PLACEHOLDER: Final = re.compile(
    r"[*•.xX_\s-]*|<[^<>]*>|\$\{?\w+\}?|\{\{?[\w ]+\}?\}|%[\w]+%|\(?\[?(?:redacted|filtered|hidden|removed|masked|omitted|"
    r"dummy|placeholder|null|none|true|false|undefined)\]?\)?",
    re.IGNORECASE,
)
NOWHERE: Final = tuple(
    ip_network(each) for each in ("240.0.0.0/4", "127.0.0.0/8", "0.0.0.0/32", "2001:db8::/32", "::/127")
)


def replacement(like: str, digest: str) -> str:
    """What stands for a secret of which a digest of 16 hex digits is given; it is known again by `harmless`."""
    number = int(digest, 16)
    if like == "e-mail":
        return f"scrubbed-{digest}@scrubbed.invalid"
    if like == "host":
        return f"scrubbed-{digest}.invalid"
    if like == "phone":
        return f"+999{number % 10**12:012}"
    if like == "number":
        return f"999{number % 10**12:012}"
    if like == "ip":
        return str(ip_address(0xF0000000 + number % 0x0FFFFFFF))
    if like == "ip6":
        return str(ip_address((0x20010DB8 << 96) + number))
    return f"scrubbed-{digest}"


def harmless(value: str) -> bool:
    """Whether a value tells nothing: what stands for a secret, or has been left open."""
    return (OWN.fullmatch(value.removeprefix("+")) or PLACEHOLDER.fullmatch(value)) is not None


# --------------------------------------------------------------------------------------------- what a secret looks like


def _is_somewhere(value: str) -> bool:
    """Whether a text is an address of the internet protocol that somebody may have."""
    try:
        address = ip_address(value)
    except ValueError:
        return False
    return not any(address in network for network in NOWHERE)


def _is_number(value: str) -> bool:
    """Whether a text has as many digits as telephone numbers have."""
    return 8 <= sum(character.isdigit() for character in value) <= 15  # noqa: PLR2004 -- E.164


def _is_credentials(value: str) -> bool:
    """Whether a text, in base 64, is a user and a password."""
    from base64 import b64decode  # noqa: PLC0415
    from binascii import Error  # noqa: PLC0415

    try:
        return b":" in b64decode(value + "=" * (-len(value) % 4), altchars=None, validate=True)
    except Error:
        return False


def _tables() -> Iterator[Kind]:
    token = r"[A-Za-z0-9._~+/=-]"
    yield Kind(
        "private key",
        ("PRIVATE KEY",),
        re.compile(
            r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----.*?"
            r"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)",
            re.DOTALL,
        ),
        "text",
    )
    yield Kind(
        "bearer token",
        ("earer", "EARER"),
        re.compile(rf"\b[Bb](?:earer|EARER)[ +]+({token}{{8,}})"),
        "text",
        lambda value: any(map(str.isdigit, value)),
    )
    yield Kind("basic credentials", ("asic ",), re.compile(rf"\b[Bb]asic +({token}{{8,}})"), "text", _is_credentials)
    jwt = r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*){0,3}"
    yield Kind("JWT", ("eyJ",), re.compile(jwt, re.ASCII), "text")
    yield Kind(
        "AWS key",
        ("AKIA", "ASIA", "ABIA", "ACCA"),
        re.compile(r"(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
        "text",
    )
    google = r"(?<![\w-])(?:AIza[\w-]{35}|ya29\.[\w-]{20,}|GOCSPX-[\w-]{20,})"
    yield Kind("Google key", ("AIza", "ya29.", "GOCSPX-"), re.compile(google, re.ASCII), "text")
    slack = r"(?<![A-Za-z0-9])xox[a-z]-[A-Za-z0-9-]{10,}|(?<=hooks\.slack\.com/services/)[A-Za-z0-9/]{20,}"
    yield Kind("Slack token", ("xox", "hooks.slack.com"), re.compile(slack), "text")
    github = r"(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{20,})"
    yield Kind("GitHub token", ("gh", "glpat-"), re.compile(github, re.ASCII), "text")
    others = r"(?<![A-Za-z0-9])(?:[sr]k_(?:live|test)_[A-Za-z0-9]{16,}|sk-(?:[a-z]+-)*[\w-]{20,}|SG\.[\w-]{16,}\.[\w-]{16,})"
    yield Kind("API key", ("k_", "sk-", "SG."), re.compile(others, re.ASCII), "text", _has_digit)
    yield Kind(
        "credentials in a URL",
        ("://",),
        re.compile(r"://([^\s/:@\"'<>]{1,256}:[^\s/@\"'<>]{1,256})@"),
        "text",
    )
    quoted, words = r"\"([^\"<>\n@]{2,80})\" ?", r"(?<![\w.-])([^\W\d_][\w.'’-]{0,40}(?: [\w.'’-]{1,40}){0,4}) "
    yield Kind("name", ("<",), re.compile(rf"(?:{quoted}|{words})<(?=[^\s<>@]{{1,64}}@[^\s<>@]+>)"), "text")
    # What is before the address in a comment's uid, its source's id, is no part of it; nor is a user in a URL one.
    mail = (
        r"(?<![\w.+-])(?<!//)(?:[0-9a-f]{16}\.)?"
        r"([\w.+-][\w.+'’-]{0,254}@(?:[\w-]{1,63}\.){1,8}[^\W\d_][\w-]{1,62})(?![\w-])"
    )
    yield Kind("e-mail address", ("@",), re.compile(mail), "e-mail")
    yield Kind(
        "phone number",
        ("+", "00", "-", ")"),
        re.compile(
            r"(?<![\w+/=.-])(?:\+|00(?=[1-9]))[1-9][0-9]{0,2}(?:[ .\-/ ]?\(?[0-9]{1,5}\)?){2,6}(?![\w])"
            r"|(?<![\w+/=.-])(?:\([0-9]{3}\) ?|[0-9]{3}[-.])[0-9]{3}[-.][0-9]{4}(?![\w-])"
        ),
        "phone",
        _is_number,
    )
    part = r"(?:25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})"
    ip = rf"(?<![\w.-])(?<!\w/)(?:{part}\.){{3}}{part}(?![\w-])(?!\.[0-9])"  # no version of a program, as in Chrome/1.2.3.4
    yield Kind("IP address", (".",), re.compile(ip), "ip", _is_somewhere)
    ip6 = r"(?<![\w:.])[0-9A-Fa-f]{1,4}:(?:[0-9A-Fa-f]{0,4}:){2,6}[0-9A-Fa-f]{1,4}(?![\w:])"
    yield Kind("IP address", (":",), re.compile(ip6), "ip6", _is_somewhere)
    for server in contract.convention("x-servers"):
        yield _tenant(server["url"].partition("://")[2])


def _has_digit(value: str) -> bool:
    return any(map(str.isdigit, value))


def _tenant(address: str) -> Kind:
    """The names in the address of a tenant, whose places are marked by braces."""
    fixed = [re.escape(each) for each in re.split(r"\{\w+\}", address)]
    pattern = r"(?<![\w.-])" * address.startswith("{") + r"([\w-]{1,100})".join(fixed) + r"(?![\w-])"
    return Kind("tenant", (max(re.split(r"\{\w+\}", address), key=len),), re.compile(pattern), "text")


@cache
def kinds() -> tuple[Kind, ...]:
    """The kinds of secrets that are known by their looks."""
    return tuple(_tables())


# ------------------------------------------------------------------------------------------- names of what is secret

_SECRET: Final = re.compile(
    r"(?:.*_)?(?:password|passwd|pwd|passphrase|secret|token|api_?key|access_?key|secret_?key|private_?key|auth_?key|"
    r"subscription_key|credentials?|session_?id|authorization|csrf|xsrf|signature_key|access_key_id)"
)
_NO_SECRET: Final = re.compile(
    r"(?:.*_)?(?:(?:next|previous|page|paging|continuation|sync|cursor|after|cancel|cancellation)_?token|"
    r"max_tokens?|has_\w+|is_\w+)"
)
_COOKIES: Final = ("cookie", "cookies", "set_cookie")
WORDS: Final = re.compile(
    r"(?:password|passwd|pwd|passphrase|secret|token|key|credentials?|session_?id|authorization|csrf|xsrf|cookies?)"
    r"[\"']?\s{0,8}[:=]\s{0,8}",
    re.IGNORECASE,
)
_BEFORE: Final = re.compile(r"[\w-]{0,80}$")


@cache
def _snake(name: str) -> str:
    """A name as words in lower case: accessToken and Access-Token are access_token."""
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()).strip("_")


def is_secret(name: str) -> bool:
    """Whether what goes by a name is secret."""
    words = _snake(name[:200])
    return _SECRET.fullmatch(words) is not None and _NO_SECRET.fullmatch(words) is None


def is_cookies(name: str) -> bool:
    """Whether what goes by a name is cookies."""
    return _snake(name[:200]) in _COOKIES


_VALUE: Final = re.compile(
    r"\"((?:[^\"\\]|\\.)*)\"|'([^'\n]*)'|\\\"((?:[^\"\\]|\\[^\"])*)\\\"|([^\s\"'&<>,;(){}\[\]]+)", re.DOTALL
)
_SCHEME: Final = re.compile(r"(?:bearer|basic|token|digest|apikey)[ +]+", re.IGNORECASE)


def said(text: str) -> Iterator[tuple[int, int]]:
    """Where in a text something is said to be secret, by a name before it: `"password": "..."`, `token=...`."""
    for found in WORDS.finditer(text):
        before = _BEFORE.search(text, max(0, found.start() - 80), found.start())
        word = re.match(r"\w+", found.group())
        name = (before.group() if before else "") + (word.group() if word else "")
        value = _VALUE.match(text, found.end())
        if value is None or not is_secret(name):
            continue
        group = value.lastindex or 0
        start, end = value.span(group)
        scheme = _SCHEME.match(text, start, end)
        start = scheme.end() if scheme else start
        bare = group == 4 and "=" not in found.group()  # noqa: PLR2004 -- in prose, where a word may follow
        if end > start and not (bare and not _has_digit(text[start:end])) and not harmless(text[start:end]):
            yield start, end


def cookies(text: str) -> Iterator[tuple[int, int]]:
    """Where the values of cookies stand, in a header of a request or of an answer."""
    for found in re.finditer(r"(?:^|;\s*|,\s*(?=[\w-]+=))([\w.!#$%&'*+^`|~-]+)=\"?([^;,\"\s]+)", text):
        if found.group(1).lower() not in _ATTRIBUTES:
            yield found.span(2)


_ATTRIBUTES: Final = frozenset({"path", "domain", "expires", "max-age", "samesite", "version", "priority"})


def after_scheme(text: str) -> int:
    """Where in the value of a header the secret begins."""
    scheme = _SCHEME.match(text)
    return scheme.end() if scheme else 0
