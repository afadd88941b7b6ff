# SPDX-License-Identifier: ISC
"""A real Chromium without a window, driven by chromedriver."""
import pytest

from place import BASE, SLOW, find_build, need, until

USER, PASSWORD = "ops", "correct horse"
SHOTS = find_build() / "browser"

# What the tests want to know of the page, noted from its first line on.
NOTES = """
window.noted = [];
addEventListener("securitypolicyviolation", (e) => noted.push(`policy: ${e.violatedDirective} ${e.blockedURI} ${e.sample}`));
addEventListener("error", (e) => noted.push(`error: ${e.message ?? e.target?.src}`), true);
addEventListener("unhandledrejection", (e) => noted.push(`rejection: ${e.reason}`));
"""


def start_driver():
    try:
        from selenium import webdriver
        from selenium.webdriver.chrome.options import Options
        from selenium.webdriver.chrome.service import Service
    except ImportError:
        pytest.fail("selenium is missing: apt-get install python3-selenium", pytrace=False)
    options = Options()
    options.binary_location = need("chromium")
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions",
                     "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
                     "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--lang=en-GB", f"--user-data-dir={BASE}/browser/profile"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = Service(need("chromedriver"), log_path=str(BASE / "chromedriver.log"), env={"HOME": str(BASE), "TZ": "Europe/Prague", "PATH": "/usr/bin:/bin"})
    return webdriver.Chrome(service=service, options=options)


class Browser:
    def __init__(self):
        self.driver = start_driver()
        self.driver.set_script_timeout(20 * SLOW)
        self.driver.set_page_load_timeout(30 * SLOW)
        self.cdp("Page.addScriptToEvaluateOnNewDocument", source=NOTES)
        self.cdp("Network.enable")
        self.expected, self.noted = [], []

    def quit(self):
        self.driver.quit()

    def cdp(self, command, **arguments):
        return self.driver.execute_cdp_cmd(command, arguments)

    def reset(self, width=1440, height=900):
        self.get("about:blank")
        self.expected, self.noted = [], []
        self.driver.get_log("browser")
        self.cdp("Network.setExtraHTTPHeaders", headers={})
        self.cdp("Emulation.setEmulatedMedia", media="", features=[{"name": "prefers-color-scheme", "value": "light"}])
        self.size(width, height)

    def size(self, width, height):
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def dark(self):
        self.cdp("Emulation.setEmulatedMedia", media="", features=[{"name": "prefers-color-scheme", "value": "dark"}])

    def get(self, url):
        self.noted += self.js("return window.noted ?? []")
        self.driver.get(url)

    def js(self, script, *arguments):
        """Runs the body of a function; its arguments are arguments[0] and so on."""
        return self.driver.execute_script(script, *arguments)

    def all(self, css):
        """The text that each element shows; a row that is not drawn yet has no innerText."""
        return self.js("return [...document.querySelectorAll(arguments[0])].map((node) => node.innerText || node.textContent)", css)

    def text(self, css):
        return self.js("return document.querySelector(arguments[0])?.innerText ?? null", css)

    def until(self, css, contains="", within=20.0):
        """Waits for an element that shows the text, and returns all that it shows."""
        return until(lambda: [text for text in self.all(css) if contains in text],
                     f"{css} with {contains!r}; there is {self.all(css)[:5]!r}", within)[0]

    def gone(self, css, within=20.0):
        until(lambda: not self.visible(css), f"no {css} is seen", within)

    def visible(self, css):
        return self.js("return [...document.querySelectorAll(arguments[0])].some((node) => node.checkVisibility())", css)

    def click(self, css, contains=""):
        """Clicks, as a mouse does, the first visible element with that text."""
        self.until(css, contains)
        node = self.js("""return [...document.querySelectorAll(arguments[0])]
            .find((node) => node.checkVisibility() && node.innerText.includes(arguments[1])) ?? null""", css, contains)
        assert node, f"{css} with {contains!r} is not visible"
        node.click()

    def type(self, text, css=None):
        """Presses keys where the focus is, or in that field."""
        node = self.driver.find_element("css selector", css) if css else self.driver.switch_to.active_element
        node.send_keys(text)

    @property
    def url(self):
        return self.driver.current_url

    def back(self):
        self.driver.back()

    def shot(self, name):
        SHOTS.mkdir(exist_ok=True)
        self.driver.save_screenshot(str(SHOTS / f"{name}.png"))

    def complaints(self):
        """What the console and the policy said, but for what the test expects."""
        told = [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
        return [text for text in told + self.noted if not any(expected in text for expected in self.expected)]
