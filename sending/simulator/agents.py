"""Which software fetches: people's programs, privacy proxies and security gateways."""

from __future__ import annotations

PEOPLE = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Thunderbird/145.0",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
)
#: Image proxies that fetch whether or not a person looks.
PREFETCHERS = {
    "google": "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
    "yahoo": "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html",
}
#: Apple's proxy says only this.
PRIVACY_PROXY = "Mozilla/5.0"
SCANNERS = (
    "Mozilla/5.0 (compatible; BarracudaCentral; http://www.barracudacentral.org)",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/120.0.0.0 Safari/537.36",
    "python-requests/2.32.3",
)
ONE_CLICK = "Mail-Unsubscriber/1.0"


def person(number: int) -> str:
    """Return one of the programs that people read with."""
    return PEOPLE[number % len(PEOPLE)]


def prefetcher(style: str) -> str:
    """Return the image proxy of a provider's style."""
    return PREFETCHERS.get(style, PRIVACY_PROXY)


def scanner(number: int) -> str:
    """Return one of the link scanners."""
    return SCANNERS[number % len(SCANNERS)]
