"""What a recording must not give away: one table of the kinds of secrets and addresses, and of names that hold them."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_reinfer import contract

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


Spans = "Iterator[tuple[int, int]]"  # from where to where in a text


class Kind(NamedTuple):
    """A kind of secret: what it is called, what replaces it ("text", "e-mail", "phone", "ip" ...), where it stands."""

    name: str
    like: str
    find: Callable[[str], Iterator[tuple[int, int]]]


# ------------------------------------------------------------------------------------ what takes the place of secrets

OWN: Final = re.compile(r"[Ss]crubbed-[0-9a-f]{16}|scrubbed-[0-9a-f]{16}(?:@scrubbed)?\.invalid|999[0-9]{12}")
PLACEHOLDER: Final = re.compile(
    r"[*•.xX_\s-]*|<[^<>]*>|\$\{?\w+\}?|\{\{?[\w ]+\}?\}|%[\w]+%|\(?\[?(?:redacted|filtered|hidden|removed|masked|"
    r"omitted|dummy|placeholder|null|none|true|false|undefined)\]?\)?",
    re.IGNORECASE,
)
NOWHERE: Final = tuple(
    ip_network(each) for each in ("240.0.0.0/4", "127.0.0.0/8", "0.0.0.0/32", "2001:db8::/32", "::/127")
)


def replacement(like: str, digest: str) -> str:
    """What stands for a secret of which a digest of 16 hex digits is given; it is known again by `harmless`."""
    number = int(digest, 16)
    made = {
        "e-mail": f"scrubbed-{digest}@scrubbed.invalid",
        "host": f"scrubbed-{digest}.invalid",
        "phone": f"+999{number % 10**12:012}",
        "number": f"999{number % 10**12:012}",
        "ip": str(ip_address(0xF0000000 + number % 0x0FFFFFFF)),
        "ip6": str(ip_address((0x20010DB8 << 96) + number)),
    }
    return made.get(like, f"scrubbed-{digest}")


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


def _looks(
    pattern: str, *hints: str, real: Callable[[str], bool] | None = None
) -> Callable[[str], Iterator[tuple[int, int]]]:
    """Finds what looks like a pattern, of which the groups are what is secret, if it has any.

    hints: one of them is in every text that has one. A pattern that starts with a letter, and not with what must not
    stand before it, is found some ten times as fast.
    """
    compiled = re.compile(pattern, re.ASCII | re.DOTALL)

    def find(text: str) -> Iterator[tuple[int, int]]:
        if any(hint in text for hint in hints):
            for found in compiled.finditer(text):
                for number in [each for each in range(1, compiled.groups + 1) if found.group(each)] or [0]:
                    if real is None or real(found.group(number)):
                        yield found.span(number)

    return find


_HOST: Final = re.compile(r"@(?:[\w-]{1,63}\.){1,8}[^\W\d_][\w-]{1,62}(?![\w-])")
_LOCAL: Final = re.compile(r"[\w.+'’-]+")
_SOURCE: Final = re.compile(r"[0-9a-f]{16}\.(?=.)")
LONGEST: Final = 256  # characters before the sign in an address


def _mails(text: str) -> Iterator[tuple[int, int]]:
    """Where addresses of e-mail stand. A user in a URL is none."""
    for found in _HOST.finditer(text):
        at = found.start()
        before = _LOCAL.match(text[max(0, at - LONGEST) : at][::-1])
        if before is None:
            continue
        local = before.group()[::-1].lstrip("'’")
        start = at - len(local)
        source = _SOURCE.match(local)  # in the uid of a comment its source's id stands before it
        if local and text[start - 2 : start] != "//":
            yield start + (source.end() if source else 0), found.end()


_ADDRESSED: Final = re.compile(r"<(?=[^\s<>@]{1,64}@[^\s<>@]+>)")
_CALLED: Final = re.compile(
    r"(?:\"([^\"<>\n@]{2,80})\"[ +]?|(?<![\w.-])([^\W\d_][\w.'’-]{0,40}(?: [\w.'’-]{1,40}){0,4}) )\Z"
)


def _names(text: str) -> Iterator[tuple[int, int]]:
    """Where names stand before the addresses that they belong to."""
    for found in _ADDRESSED.finditer(text):
        start = max(0, found.start() - 100)
        name = _CALLED.search(text[start : found.start()])
        if name is not None:
            first, last = name.span(name.lastindex or 0)
            yield start + first, start + last


def _tables() -> Iterator[Kind]:
    sign = r"[A-Za-z0-9._~+/=-]"
    end = r"-----END[ +][A-Z0-9 +]{0,40}PRIVATE[ +]KEY(?:[ +]BLOCK)?-----"  # a form has + for a space
    block = rf"-----BEGIN[ +][A-Z0-9 +]{{0,40}}PRIVATE[ +]KEY(?:[ +]BLOCK)?-----.*?(?:{end}|\Z)"
    yield Kind("private key", "text", _looks(block, "PRIVATE KEY", "PRIVATE+KEY"))
    bearer = rf"(?:earer|EARER)(?<=\b[Bb].{{5}})[ +]+({sign}{{8,}})"
    yield Kind("bearer token", "text", _looks(bearer, "earer ", "earer+", "EARER ", real=_has_digit))
    basic = rf"asic(?<=\b[Bb]asic)[ +]+({sign}{{8,}})"
    yield Kind("basic credentials", "text", _looks(basic, "asic ", "asic+", real=_is_credentials))
    yield Kind("JWT", "text", _looks(r"eyJ(?<![\w-]eyJ)[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*){0,3}", "eyJ"))
    aws = "AKIA", "ASIA", "ABIA", "ACCA"
    amazon = r"A(?<![A-Za-z0-9]A)(?:KIA|SIA|BIA|CCA)[A-Z0-9]{16}(?![A-Za-z0-9])"
    yield Kind("AWS key", "text", _looks(amazon, *aws))
    google = r"(?<![\w-])(?:AIza[\w-]{35}|ya29\.[\w-]{20,}|GOCSPX-[\w-]{20,})"
    yield Kind("Google key", "text", _looks(google, "AIza", "ya29.", "GOCSPX-"))
    yield Kind("Slack token", "text", _looks(r"xox(?<![A-Za-z0-9]xox)[a-z]-[A-Za-z0-9-]{10,}", "xox"))
    hook = r"hooks\.slack\.com/(?:services|workflows)/([A-Za-z0-9/]{20,})"
    yield Kind("Slack token", "text", _looks(hook, "hooks.slack.com"))
    names = "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-"
    github = r"g(?<![A-Za-z0-9]g)(?:h[pousr]_[A-Za-z0-9]{20,}|ithub_pat_\w{20,}|lpat-[\w-]{20,})"
    yield Kind("GitHub token", "text", _looks(github, *names))
    others = (
        r"(?<![A-Za-z0-9])(?:[sr]k_(?:live|test)_[A-Za-z0-9]{16,}|sk-(?:[a-z]+-)*[\w-]{20,}|SG\.[\w-]{16,}\.[\w-]{16,})"
    )
    yield Kind("API key", "text", _looks(others, "k_live_", "k_test_", "sk-", "SG.", real=_has_digit))
    plain = r"(?<![A-Za-z0-9])(?:npm_[A-Za-z0-9]{30,}|hf_[A-Za-z0-9]{30,}|pypi-[\w-]{20,}|rt_[A-Za-z0-9]{20,}-[0-9])"
    yield Kind("API key", "text", _looks(plain, "npm_", "hf_", "pypi-", "rt_"))
    yield from _marked()
    alone = r"://([^\s/:@\"'<>]{8,256})@"
    yield Kind("credentials in a URL", "text", _looks(alone, "://", real=_has_digit))
    user = r"://([^\s/:@\"'<>]{1,256}:[^\s/@\"'<>]{1,256})@"
    yield Kind("credentials in a URL", "text", _looks(user, "://"))
    yield Kind("name", "text", _names)
    yield Kind("e-mail address", "e-mail", _mails)
    abroad = r"[1-9][0-9]{0,2}(?:[ .\-/+ ]?\(?[0-9]{1,5}\)?){2,6}(?![\w])"
    yield Kind("phone number", "phone", _looks(rf"\+(?<![\w/=.-]\+){abroad}", "+", real=_is_number))
    yield Kind("phone number", "phone", _looks(rf"00(?<![\w+/=.:-]00){abroad}", "00", real=_is_spaced))
    area = r"\((?<!\w\()[0-9]{3}\)[ +]?[0-9]{3}[-.][0-9]{4}(?![\w-])"
    yield Kind("phone number", "phone", _looks(area, "("))
    for dash in ("-", r"\."):
        near = re.compile(rf"{dash}[0-9]{{3}}{dash}[0-9]{{4}}(?![\w-])")
        local = rf"(?<![\w+/=.-])[0-9]{{3}}{dash}[0-9]{{3}}{dash}[0-9]{{4}}(?![\w-])"
        yield Kind("phone number", "phone", _around(near, local))
    # A version of a program, as in Chrome/1.2.3.4, is none.
    part = r"(?:25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})"
    ip = rf"(?<![\w.-])(?<!\w/)(?:{part}\.){{3}}{part}(?![\w-])(?!\.[0-9])"
    yield Kind("IP address", "ip", _around(re.compile(r"\.[0-9]{1,3}\.[0-9]{1,3}\."), ip, _is_somewhere))
    groups = r"(?<![\w:.])[0-9A-Fa-f]{1,4}:(?:[0-9A-Fa-f]{0,4}:){2,6}[0-9A-Fa-f]{1,4}(?![\w:])"
    near = re.compile(r":[0-9A-Fa-f]{0,4}:[0-9A-Fa-f]{0,4}:")
    yield Kind("IP address", "ip6", _around(near, groups, _is_somewhere))
    for server in contract.convention("x-servers"):
        host, slash, path = server["url"].partition("://")[2].partition("/")
        address = f"{slash}{path}" if "{" in path else host + slash + path  # such a path tells of other hosts too
        yield Kind("tenant", "text", _tenant(address))


def _marked() -> Iterator[Kind]:
    """What a tag, or a part of a form, says to be secret."""
    tag = r"(?i:password|passwd|client_?secret|secret|api_?key|(?:access|refresh|api|auth)_?token)"
    element = rf"<(?:[\w-]{{1,40}}:)?[\w-]{{0,40}}{tag}(?: [^<>]{{0,200}})?>([^<>]{{1,500}})</"
    yield Kind("secret by its name", "text", _looks(element, "</"))
    part = rf"name=\"[\w-]{{0,40}}{tag}\"(?:\r?\n[^\r\n]{{1,200}}){{0,5}}\r?\n\r?\n([^\r\n]{{1,500}})"
    yield Kind("secret by its name", "text", _looks(part, "name="))


def _around(
    hint: re.Pattern[str], pattern: str, real: Callable[[str], bool] | None = None
) -> Callable[[str], Iterator[tuple[int, int]]]:
    """Finds what looks like a pattern, around what is quicker found and in every one of them."""
    compiled = re.compile(pattern, re.ASCII)

    def find(text: str) -> Iterator[tuple[int, int]]:
        end = 0
        for near in hint.finditer(text):
            found = compiled.search(text, max(end, near.start() - 40), near.end() + 60)
            if found is not None:
                end = found.end()
                if real is None or real(found.group()):
                    yield found.span()

    return find


def _is_spaced(value: str) -> bool:
    """Whether a text is written as telephone numbers are, and not as other numbers."""
    return _is_number(value) and any(sign in value for sign in " -/(+")


def _has_digit(value: str) -> bool:
    return any(map(str.isdigit, value))


def _tenant(address: str) -> Callable[[str], Iterator[tuple[int, int]]]:
    """Finds the names in the address of a tenant, whose places are marked by braces."""
    fixed = re.split(r"\{\w+\}", address)
    pattern = r"(?<![\w.-])" * address.startswith("{") + r"([\w-]{1,100})".join(map(re.escape, fixed)) + r"(?![\w-])"
    return _looks(pattern, max(fixed, key=len))


@cache
def kinds() -> tuple[Kind, ...]:
    """The kinds of secrets that are known by their looks."""
    return tuple(_tables())


# ------------------------------------------------------------------------------------------- names of what is secret

_SECRET: Final = re.compile(
    r"(?:.*_)?(?:password|passwd|pwd|passphrase|secret|token|api_?key|access_?key|secret_?key|private_?key|auth_?key|"
    r"subscription_key|credentials?|session_?id|authorization|csrf|xsrf|signature_key|access_key_id|account_key|sig|(?:amz|goog)_signature|connection_string|"
    r"passwords|secrets|api_keys|access_keys|(?:access|refresh|api|auth|bearer)_tokens)"
)
_NO_SECRET: Final = re.compile(
    r"(?:.*_)?(?:(?:next|previous|page|paging|continuation|sync|cursor|after|cancel|cancellation)_?token|"
    r"max_tokens?|has_\w+|is_\w+)"
)
_COOKIES: Final = ("cookie", "cookies", "set_cookie")
_WORDS: Final = (
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "secret",
    "token",
    "key",
    "credential",
    "session",
    "authorization",
    "csrf",
    "xsrf",
    "sig",
    "connection",
)
_NAMED: Final = re.compile(r"[\w-]{0,80}(?P<end>[\"']?[\s+]{0,8}[:=][\s+]{0,8})", re.ASCII)
_BEFORE: Final = re.compile(r"[\w-]{0,80}", re.ASCII)


@lru_cache(maxsize=4096)
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
    r"\"((?:[^\"\\]|\\.)*)\"|'([^'\n]*)'|\\\"((?:[^\"\\]|\\[^\"])*)\\\"|"
    r"((?:[^\s\"'&<>,;(){}\[\]\\%]|%(?!2[27]|[57][BbDd]|3[CcEe]|20|0[AaDd]))+)|"  # nor the escapes of these
    r"\"((?:[^\"\\]|\\.)+)\Z",  # which was cut off
    re.DOTALL,
)
_BARE: Final = 4  # the group of what stands in no quotes
_SCHEME: Final = re.compile(r"(?:bearer|basic|token|digest|apikey)[ +]+", re.IGNORECASE)


def said(text: str) -> Iterator[tuple[int, int]]:
    """Where in a text something is said to be secret, by a name before it: `"password": "..."`, `token=...`."""
    low = text.lower()
    if len(low) != len(text):  # there are letters that are two in lower case
        low = "".join(each if len(each.lower()) != 1 else each.lower() for each in text)
    places: set[int] = set()
    for word in _WORDS:
        start = low.find(word)
        while start >= 0:
            found = _NAMED.match(text, start)
            if found is not None and found.end() not in places:
                places.add(found.end())
                value = _value(text, start, found)
                if value is not None:
                    yield value
            start = low.find(word, start + len(word))


def _value(text: str, start: int, found: re.Match[str]) -> tuple[int, int] | None:
    """Where the value of a name stands, where that name is one of something secret."""
    before = _BEFORE.match(text[max(0, start - 80) : start][::-1])
    name = text[start - (before.end() if before else 0) : found.start("end")]
    value = _VALUE.match(text, found.end())
    if value is None or not is_secret(name):
        return None
    group = value.lastindex or 0
    start, end = value.span(group)
    scheme = _SCHEME.match(text, start, end)
    start = scheme.end() if scheme else start
    bare = group == _BARE and "=" not in found.group("end")  # in prose, where a word may follow
    if end <= start or harmless(text[start:end]) or (bare and not _has_digit(text[start:end])):
        return None
    return start, end


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
