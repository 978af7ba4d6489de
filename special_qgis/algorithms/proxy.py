# SPDX-License-Identifier: GPL-2.0-or-later
"""The proxy that is set in QGIS's network options, as a URL for programs that QGIS starts."""

from __future__ import annotations

from urllib.parse import quote

from qgis.core import QgsSettings

_SCHEMES = {"HttpProxy": "http", "HttpCachingProxy": "http", "FtpCachingProxy": "", "Socks5Proxy": "socks5h"}


def qgis_proxy_url(settings: QgsSettings) -> str:
    """URL of the proxy; empty where none is set, or where the system's own is to be used.

    Args:
        settings: QGIS's settings.
    """
    if not settings.value("proxy/proxyEnabled", False, type=bool):
        return ""
    scheme = _SCHEMES.get(str(settings.value("proxy/proxyType", "")), "")
    host = str(settings.value("proxy/proxyHost", "") or "").strip()
    if not scheme or not host:
        return ""
    user = quote(str(settings.value("proxy/proxyUser", "") or ""), safe="")
    password = quote(str(settings.value("proxy/proxyPassword", "") or ""), safe="")
    login = f"{user}:{password}@" if user and password else f"{user}@" if user else ""
    port = str(settings.value("proxy/proxyPort", "") or "").strip()
    return f"{scheme}://{login}{host}" + (f":{port}" if port and port != "0" else "")
