"""The page in a real browser: charts have ink, nothing complains, sorting and choosing an instrument work."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from analytics.sample import shown
from fillwright.analytics.facts import Verdict
from fillwright.analytics.report import write_report
from result.tiny_ledger import scenario

BROWSERS = ("chromium", "chromium-browser", "google-chrome")

PROBE = """<script>
(function () {
  function ink() {
    return Array.prototype.map.call(document.querySelectorAll("canvas"), function (canvas) {
      var pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data, colours = {};
      for (var i = 0; i < pixels.length; i += 4) if (pixels[i + 3] > 200) {
        colours[pixels[i] + "," + pixels[i + 1] + "," + pixels[i + 2]] = 1;
      }
      return Object.keys(colours).length;
    });
  }
  function column(n) {
    return Array.prototype.map.call(document.querySelectorAll("table.narrow tbody tr"), function (row) {
      return Number(row.cells[n].getAttribute("data-v"));
    });
  }
  setTimeout(function () {
    var found = { ink: ink(), before: document.getElementById("price-note").textContent };
    var button = document.querySelectorAll("table.narrow th button")[8];
    button.click(); found.rising = column(8);
    button.click(); found.falling = column(8);
    found.sort = button.closest("th").getAttribute("aria-sort");
    var select = document.getElementById("instrument");
    select.selectedIndex = 1; select.dispatchEvent(new Event("change"));
    setTimeout(function () {
      found.after = document.getElementById("price").getAttribute("aria-label");
      found.again = ink();
      window.dispatchEvent(new Event("beforeprint"));
      window.dispatchEvent(new Event("afterprint"));
      var out = document.createElement("pre"); out.id = "found"; out.textContent = JSON.stringify(found);
      document.body.appendChild(out);
    }, 200);
  }, 200);
})();
</script>"""


@pytest.mark.browser
def test_charts_are_drawn_and_controls_work(tmp_path: Path) -> None:
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip(f"none of {', '.join(BROWSERS)} is installed")
    inputs = shown(scenario("fx", seed=3, bars=600, rate=0.3), Verdict(True, "600 marks, residual 0"))
    page = write_report(tmp_path / "report.html", inputs)
    page.write_text(page.read_text(encoding="utf-8").replace("</body>", PROBE + "</body>"), encoding="utf-8")
    done = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
         "--enable-logging=stderr", "--virtual-time-budget=5000", "--window-size=1280,1800", "--dump-dom", page.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    # The probe reads the canvases back twice, which the browser remarks on.
    complaints = [line for line in done.stderr.splitlines() if "CONSOLE" in line and "getImageData" not in line]
    assert complaints == []
    assert 'data-drawn="3"' in done.stdout
    match = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.S)
    assert match
    found = json.loads(match[1].replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">"))
    # Axes, grid and line: a blank canvas has no colour at all.
    assert len(found["ink"]) == 3 and min(found["ink"]) > 10
    assert len(found["again"]) == 3 and min(found["again"]) > 10
    assert found["rising"] == sorted(found["rising"]) and len(found["rising"]) == len(inputs.trades.rows)
    assert found["falling"] == sorted(found["rising"], reverse=True)
    assert found["sort"] == "descending"
    assert "Triangle up: buy" in found["before"] and "SONY" in found["after"]
