"""Our pages in a browser, Chromium without a window: by the keyboard alone, and safely."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import urllib3
from conftest import comment
from serving import Served, needs, serve

from pytest_reinfer import contract
from pytest_reinfer.coverage.page import page
from pytest_reinfer.coverage.report import report
from pytest_reinfer.coverage.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from selenium.webdriver.chrome.webdriver import WebDriver
    from selenium.webdriver.remote.webelement import WebElement

DATASETS = contract.routes()["list_datasets"].path
SYNC = contract.routes()["sync_comments"].path.format(project="acme", source_name="support")
SWITCHES = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
HOSTILE = "<script>document.title='hacked'</script><img src=x onerror=\"document.title='hacked'\">"
TABS = 200  # more than any page takes


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    """A browser of its own, which remembers its requests and what its console says."""
    browser, driver = needs("chromium"), needs("chromedriver")
    from selenium import webdriver  # noqa: PLC0415 -- only where there is a browser

    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for switch in (*SWITCHES, f"--user-data-dir={tmp_path_factory.mktemp('profile')}", "--window-size=1280,1000"):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    chromium = webdriver.Chrome(options, webdriver.ChromeService(driver))
    chromium.set_page_load_timeout(30)
    try:
        yield chromium
    finally:
        chromium.quit()


@pytest.fixture
def served(chromium: WebDriver) -> Iterator[Served]:
    """A tenant on its first page; at the end, nothing was asked of anybody else and the console has no complaint."""
    with serve("--datasets", "acme/support", "acme/claims", "--comments", "60") as served:
        logged(chromium, "browser")
        logged(chromium, "performance")
        chromium.get(served.printed["Page"])
        yield served
        complaints = [entry["message"] for entry in logged(chromium, "browser")]
        assert complaints == []
        assert {urlsplit(url).netloc for url in asked(chromium)} <= {"", f"127.0.0.1:{served.port}"}
        chromium.get("about:blank")


def logged(chromium: WebDriver, kind: str) -> list[Any]:
    return chromium.get_log(kind)  # type: ignore[no-untyped-call, no-any-return] # theirs


def asked(chromium: WebDriver) -> list[str]:
    """The URLs that the browser has asked for since it was last looked at."""
    events = (json.loads(entry["message"])["message"] for entry in logged(chromium, "performance"))
    return [each["params"]["request"]["url"] for each in events if each["method"] == "Network.requestWillBeSent"]


def press(chromium: WebDriver, *keys: str) -> None:
    from selenium.webdriver import ActionChains  # noqa: PLC0415

    ActionChains(chromium).send_keys(*keys).perform()


def focused(chromium: WebDriver) -> WebElement:
    return chromium.switch_to.active_element


def name_of(element: WebElement) -> str:
    return " ".join(element.accessible_name.split())


def tab_to(chromium: WebDriver, name: str) -> WebElement:
    """Press Tab until what has this name has the focus."""
    from selenium.webdriver import Keys  # noqa: PLC0415

    seen = set[str]()
    for _ in range(TABS):
        press(chromium, Keys.TAB)
        if name_of(focused(chromium)) == name:
            return focused(chromium)
        seen.add(name_of(focused(chromium)))
    raise AssertionError(f"Tab leads to no {name!r}, but to {sorted(seen)}")


def enter(chromium: WebDriver) -> None:
    """Press Enter on a link or a button, and wait for the page that it leads to."""
    from selenium.webdriver import Keys  # noqa: PLC0415

    with another_page(chromium):
        press(chromium, Keys.ENTER)


@contextmanager
def another_page(chromium: WebDriver) -> Iterator[None]:
    from selenium.common import WebDriverException  # noqa: PLC0415
    from selenium.webdriver.support.wait import WebDriverWait  # noqa: PLC0415

    chromium.execute_script("window.left = true")
    yield
    wait = WebDriverWait(chromium, 30, poll_frequency=0.05, ignored_exceptions=[WebDriverException])
    wait.until(lambda _: chromium.execute_script("return !window.left && document.readyState == 'complete'"))


def text(chromium: WebDriver) -> str:
    return " ".join(str(chromium.find_element("tag name", "body").text).split())


def status(served: Served, method: str = "GET", path: str = DATASETS, body: Any = None) -> int:
    headers = {"Authorization": f"Bearer {served.token}"}
    with urllib3.PoolManager(retries=False) as pool:
        return pool.request(method, served.endpoint + path, headers=headers, json=body).status


def test_the_first_page_shows_the_tenant_and_asks_it_nothing(chromium: WebDriver, served: Served) -> None:
    assert chromium.title == "The tenant · pytest-reinfer"
    assert "acme/claims 60" in text(chromium)
    assert "Nothing has been asked yet." in text(chromium)
    assert served.token not in chromium.page_source
    assert asked(chromium)[0] == served.printed["Page"]
    chromium.refresh()
    assert "Nothing has been asked yet." in text(chromium)  # not for an icon either


def test_the_pages_are_walked_by_the_keyboard_alone(chromium: WebDriver, served: Served) -> None:
    from selenium.webdriver import Keys  # noqa: PLC0415

    press(chromium, Keys.TAB)
    assert name_of(focused(chromium)) == "Skip to the content"
    assert focused(chromium).rect["x"] >= 0  # it can be seen now
    press(chromium, Keys.ENTER)
    assert focused(chromium).get_attribute("id") == "content"
    tab_to(chromium, "acme/claims")
    enter(chromium)
    assert chromium.find_element("tag name", "h1").text == "Dataset acme/claims"
    assert "Comments 1 to 50 of 60" in text(chromium)
    tab_to(chromium, "Next page")
    enter(chromium)
    assert "Comments 51 to 60 of 60" in text(chromium)
    tab_to(chromium, "Previous page")
    enter(chromium)
    assert "Page 1 of 2" in text(chromium)
    tab_to(chromium, "acme/claims")  # its source
    enter(chromium)
    assert chromium.find_element("tag name", "h1").text == "Source acme/claims"
    tab_to(chromium, "Requests")
    enter(chromium)
    assert chromium.find_element("tag name", "h1").text == "Requests"
    tab_to(chromium, "Overview")
    enter(chromium)
    assert chromium.find_element("tag name", "h1").text == "The tenant"


def test_tab_reaches_everything_in_the_order_of_the_page_and_shows_where_it_is(
    chromium: WebDriver, served: Served
) -> None:
    from selenium.webdriver import Keys  # noqa: PLC0415

    assert status(served) == 200  # so that there is a request in the log
    chromium.refresh()
    reachable = "a[href], button, input:not([type=hidden]), select, summary"
    everything = chromium.find_elements("css selector", reachable)
    reached = []
    for _ in everything:
        press(chromium, Keys.TAB)
        reached.append(focused(chromium))
        outline = chromium.execute_script(
            "const style = getComputedStyle(document.activeElement); return [style.outlineStyle, style.outlineWidth]"
        )
        assert outline == ["solid", "3px"], name_of(focused(chromium))
    assert [name_of(each) for each in reached] == [name_of(each) for each in everything]
    assert all(name_of(each) for each in everything)


def test_a_fault_is_injected_by_the_keyboard_met_by_a_client_and_stopped(chromium: WebDriver, served: Served) -> None:
    from selenium.webdriver import Keys  # noqa: PLC0415

    tab_to(chromium, "What goes wrong")
    press(chromium, "502")
    tab_to(chromium, "For which requests")
    press(chromium, "list_d")
    tab_to(chromium, "How often")
    press(chromium, Keys.DELETE, Keys.BACKSPACE)
    tab_to(chromium, "Inject the fault")
    enter(chromium)
    assert "The fault is in force." in text(chromium)
    assert [status(served), status(served)] == [502, 502]
    assert status(served, path=f"{DATASETS}/acme/claims") == 200
    chromium.refresh()
    assert "fired 2 times, 2 requests matched" in text(chromium)
    tab_to(chromium, "Stop fail(502, times=None, route='list_datasets')")
    enter(chromium)
    assert "The fault is stopped." in text(chromium)
    assert status(served) == 200


def test_a_reset_by_the_keyboard_brings_everything_back(chromium: WebDriver, served: Served) -> None:
    assert status(served, "DELETE", f"{DATASETS}/acme/claims") == 200
    chromium.refresh()
    assert "acme/claims 60 " not in chromium.find_element("css selector", "table").text
    tab_to(chromium, "Reset the tenant")
    enter(chromium)
    assert "The tenant is as it was at the start." in text(chromium)
    assert "Nothing has been asked yet." in text(chromium)
    assert status(served, path=f"{DATASETS}/acme/claims") == 200


def test_a_request_unfolds_by_the_keyboard_with_its_body(chromium: WebDriver, served: Served) -> None:
    from selenium.webdriver import Keys  # noqa: PLC0415

    assert status(served, "POST", f"{DATASETS}/acme/claims/export", {"limit": 3}) == 200
    chromium.refresh()
    body = chromium.find_element("css selector", ".log pre")
    assert not body.is_displayed()
    tab_to(chromium, f"200 POST {DATASETS}/acme/claims/export export_dataset · Export datasets")
    press(chromium, Keys.ENTER)
    assert body.is_displayed()
    assert json.loads(body.text) == {"limit": 3}


def test_the_log_goes_on_by_itself_where_that_is_asked_for(chromium: WebDriver, served: Served) -> None:
    tab_to(chromium, "Refresh every 2 seconds")
    enter(chromium)
    assert status(served, path="/nothing/of/the/sort") == 404
    with another_page(chromium):
        """It comes by itself."""
    assert "/nothing/of/the/sort" in text(chromium)
    tab_to(chromium, "Stop refreshing")
    enter(chromium)
    assert chromium.find_elements("css selector", "meta[http-equiv]") == []


def test_what_a_comment_holds_is_not_run(chromium: WebDriver, served: Served) -> None:
    message = {"from": HOSTILE, "subject": {"text": HOSTILE}, "body": {"text": HOSTILE}}
    upload = {"comments": [{**comment("<b>"), "messages": [message], "thread_id": HOSTILE}]}
    assert status(served, "POST", SYNC, upload) == 200
    for place in ("_reinfer/sources/acme/support?page=2", "_reinfer/requests", ""):
        chromium.get(served.printed["Page"] + place)
        assert chromium.title.endswith("pytest-reinfer")
        assert chromium.find_elements("css selector", "script, img, b") == []
        assert not place or "<script>document.title" in str(
            chromium.find_element("tag name", "body").get_property("textContent")
        )


def test_a_script_that_got_in_would_not_run(chromium: WebDriver, served: Served) -> None:
    made = (
        "const it = document.createElement('script'); it.textContent = 'document.title = 1'; document.body.append(it)"
    )
    chromium.execute_script(made)
    assert chromium.title == "The tenant · pytest-reinfer"
    (complaint,) = logged(chromium, "browser")
    assert "Content Security Policy" in complaint["message"]


PLACES = ("", "_reinfer/requests", "_reinfer/datasets/acme/support", "_reinfer/sources/acme/support", "?done=reset")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_fits_a_narrow_screen(chromium: WebDriver, served: Served, scheme: str) -> None:
    narrow = {"width": 320, "height": 640, "deviceScaleFactor": 1, "mobile": False}
    tab_to(chromium, "Inject the fault")
    enter(chromium)
    assert status(served, "POST", f"{DATASETS}/acme/support/export", {"continuation": "x" * 300}) == 503
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", narrow)
    chromium.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    try:
        for place in PLACES:
            chromium.get(served.printed["Page"] + place)
            chromium.execute_script("document.querySelectorAll('details').forEach(each => { each.open = true })")
            assert chromium.execute_script("return document.documentElement.scrollWidth") <= 320, place
            ground = chromium.execute_script("return getComputedStyle(document.documentElement).backgroundColor")
            assert (ground == "rgb(20, 23, 27)") == (scheme == "dark")
    finally:
        chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_a_form_of_another_site_changes_nothing(chromium: WebDriver, served: Served) -> None:
    target = served.printed["Page"] + "_reinfer/faults"
    form = f"<form method=post action='{target}'><input name=what value=503><button>Win</button></form>"
    chromium.get(f"data:text/html,{form}")
    with another_page(chromium):
        chromium.find_element("tag name", "button").click()
    assert "This form is not one of ours" in text(chromium)
    assert status(served) == 200
    refused = [entry["message"] for entry in logged(chromium, "browser")]
    assert [message for message in refused if "403" not in message] == []


def test_the_page_of_the_coverage_is_read_in_a_browser_by_the_keyboard(chromium: WebDriver, tmp_path: Path) -> None:
    from selenium.webdriver import Keys  # noqa: PLC0415 -- only where there is a browser

    tally, file = Tally(), tmp_path / "page.html"
    tally.asked["get_dataset"] = 1
    file.write_text(page(report(tally)), encoding="utf-8")
    logged(chromium, "browser")
    logged(chromium, "performance")
    chromium.get(file.as_uri())
    assert name_of(tab_to(chromium, "get_dataset")) == "get_dataset"
    press(chromium, Keys.ENTER)
    assert chromium.current_url == f"{file.as_uri()}#route-get_dataset"
    statuses = tab_to(chromium, "Statuses: 0 of 6 met").find_element("xpath", "..")
    assert statuses.get_attribute("open") is not None
    press(chromium, Keys.ENTER)
    assert statuses.get_attribute("open") is None
    for width in (360, 1280):
        chromium.set_window_size(width, 900)
        assert chromium.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    assert {urlsplit(url).scheme for url in asked(chromium)}.isdisjoint({"http", "https"})
    assert logged(chromium, "browser") == []
    chromium.get("about:blank")
