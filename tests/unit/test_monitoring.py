"""The alerts and the dashboard ask for what is counted, and Prometheus can read them.

promtool comes with Prometheus; `make needs` gets both.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from metrics.catalogue import COUNTED, PREFIX, Histogram

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "docs" / "monitoring"
ALERTS = [
    rule
    for group in yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
PANELS = json.loads((MONITORING / "dashboard.json").read_text())["panels"]
SHOWN = [target["expr"] for panel in PANELS for target in panel["targets"]]
OPERATION = (ROOT / "docs" / "operation.md").read_text()


def promtool(*arguments: str) -> None:
    """Run it; AssertionError with what it says when it finds a mistake."""
    program = shutil.which("promtool") or str(Path(sys.executable).with_name("promtool"))
    done = subprocess.run([program, *arguments], cwd=MONITORING, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def counted() -> set[str]:
    """The names that Prometheus knows the counters and histograms by."""
    histograms = [each.name for each in COUNTED if isinstance(each, Histogram)]
    counters = [each.name for each in COUNTED if not isinstance(each, Histogram)]
    return {f"{name}_bucket" for name in histograms} | {f"{name}_total" for name in counters}


def read_when_scraped() -> set[str]:
    source = (ROOT / "api" / "metrics_routes.py").read_text()
    return {PREFIX + name for name in re.findall(r'Gauge\(\s*"(\w+)"', source)}


def test_prometheus_reads_the_alerts() -> None:
    promtool("check", "rules", "alerts.yml")


def test_each_alert_is_raised_when_it_should_be_and_not_otherwise() -> None:
    promtool("test", "rules", "alerts_test.yml")


def test_every_alert_is_tried() -> None:
    tried = (MONITORING / "alerts_test.yml").read_text()

    for alert in ALERTS:
        assert f"{{eval_time: 50m, alertname: {alert['alert']}}}" in tried
        assert re.search(rf"alertname: {alert['alert']}\n +exp_alerts:", tried)


def test_prometheus_reads_what_the_dashboard_asks_for(tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:{number}", "expr": asked.replace("$__rate_interval", "5m")}
        for number, asked in enumerate(SHOWN)
    ]
    file = tmp_path / "dashboard.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))

    promtool("check", "rules", str(file))


@pytest.mark.parametrize("asked", [*SHOWN, *(alert["expr"] for alert in ALERTS)])
def test_what_is_asked_for_is_counted(asked: str) -> None:
    known = counted() | read_when_scraped()

    assert set(re.findall(rf"{PREFIX}\w+", asked)) <= known


def test_everything_that_is_counted_is_on_the_dashboard_and_in_the_document() -> None:
    for name in counted() | read_when_scraped():
        assert any(name in asked for asked in SHOWN), name
        assert name.removeprefix(PREFIX).removesuffix("_bucket") in OPERATION, name


def test_the_document_says_what_to_do_about_each_alert() -> None:
    for alert in ALERTS:
        assert f"`{alert['alert']}`" in OPERATION
