# SPDX-License-Identifier: GPL-2.0-or-later
"""QGIS's proxy settings as a URL."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict

import pytest
from qgis.core import QgsSettings
from qgis.PyQt.QtCore import QSettings

from special_qgis.algorithms.proxy import qgis_proxy_url

HTTP = {"proxyEnabled": True, "proxyType": "HttpProxy", "proxyHost": "proxy.lab", "proxyPort": "3128"}


@pytest.mark.parametrize(
    ("values", "url"),
    [
        ({}, ""),
        ({**HTTP, "proxyEnabled": False}, ""),
        ({**HTTP, "proxyType": "DefaultProxy"}, ""),
        ({**HTTP, "proxyHost": ""}, ""),
        (HTTP, "http://proxy.lab:3128"),
        ({**HTTP, "proxyPort": "0"}, "http://proxy.lab"),
        ({**HTTP, "proxyUser": "ä b", "proxyPassword": "p@ss/:"}, "http://%C3%A4%20b:p%40ss%2F%3A@proxy.lab:3128"),
        ({**HTTP, "proxyUser": "me"}, "http://me@proxy.lab:3128"),
        ({**HTTP, "proxyType": "Socks5Proxy"}, "socks5h://proxy.lab:3128"),
    ],
    ids=["none", "off", "system", "no host", "plain", "no port", "login", "user only", "socks"],
)
def test_proxy_settings_become_the_url_for_pip(qgis_app: Any, tmp_path: Path, values: Dict[str, Any], url: str) -> None:
    settings = QgsSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat)
    for key, value in values.items():
        settings.setValue(f"proxy/{key}", value)
    assert qgis_proxy_url(settings) == url
