# SPDX-License-Identifier: Apache-2.0
"""Real data through the built binary: files in, datasets out, sums as examples/market says."""

import json
import re
from decimal import Decimal

import pytest
from conftest import EXAMPLES

EXPECTED = json.loads((EXAMPLES / "market" / "expected.json").read_text())
DAYS = ("2018-04-04", "2018-04-05", "2018-04-06")
PAIRS = {"BTC-USD": "btc_usd", "BTC-EUR": "btc_eur", "ETH-USD": "eth_usd", "LTC-USD": "ltc_usd"}
SPY_DAY = ("--partition", "2013-10-07", "--start", 1381104000000, "--end", 1381190399999)
GAP_DAY = ("--partition", "2018-04-04", "--start", 1522800000000, "--end", 1522886399999)


@pytest.fixture(name="market", scope="module")
def market_dag(plane):
    """The market's DAG after three days of bars and one of ticks."""
    plane.ok("dag", "deploy", EXAMPLES / "dags" / "market.yaml", "--wait")
    for day in DAYS:
        plane.ok("run", "market", "day", "--cursor", day, "--wait")
    plane.ok("run", "market", "tick_day", *SPY_DAY, "--wait")
    return plane


def column(body, name):
    place = [column["name"] for column in body["columns"]].index(name)
    return [row[place] for row in body["rows"]]


@pytest.mark.parametrize("pair", PAIRS)
def test_bars_come_out_as_they_went_in(market, pair):
    body = market.json("dataset", "head", f"{PAIRS[pair]}_minute_bars", "-n", "10000")
    files = [EXPECTED.get(f"minute/{pair}/{day}.csv") for day in DAYS]
    files = [file for file in files if file]
    assert len(body["rows"]) == sum(file["rows"] for file in files)
    assert not body["truncated"]
    volume = sum(Decimal(str(value)) for value in column(body, "volume"))
    assert volume == sum(Decimal(file["volume"]) for file in files)
    times = column(body, "time")
    assert times == sorted(times)
    assert Decimal(str(column(body, "close")[-1])) == Decimal(files[-1]["close_last"])


def test_a_day_of_ticks_is_there_to_the_last_trade(market):
    expected = EXPECTED["ticks/SPY/2013-10-07.csv"]["rows"]
    assert market.json("dataset", "show", "spy_ticks")["rows"] == expected
    partitions = market.json("dataset", "partitions", "spy_ticks")["items"]
    assert sum(partition["rows"] for partition in partitions) == expected
    assert len(partitions) == 24
    direct = market.json("dataset", "head", "spy_ticks_by_day", "-n", "5")
    compact = market.json("dataset", "head", "spy_ticks", "-n", "5")
    assert direct["truncated"] and compact["truncated"]
    names = {"ts_ms", "price", "size", "exchange"}
    assert {column["name"] for column in direct["columns"]} == names
    assert {column["name"] for column in compact["columns"]} == names
    assert len(direct["rows"]) == len(compact["rows"]) == 5


def test_head_has_the_form_of_a_query(market):
    body = market.json("dataset", "head", "btc_usd_minute_bars", "-n", "3")
    assert list(body) == ["query_id", "columns", "rows", "truncated", "pinned"]
    current = market.json("dataset", "show", "btc_usd_minute_bars")["current"]
    assert body["pinned"][0]["dataset_version"] == current["dataset_version"]
    assert body["truncated"] and len(body["rows"]) == 3
    lines = market.ok("dataset", "head", "btc_usd_minute_bars", "-n", "3").splitlines()
    assert len(lines) == 4
    assert set(lines[0].split()) == {"TIME", "OPEN", "HIGH", "LOW", "CLOSE", "VOLUME"}


def test_an_operator_in_python_finds_the_gaps(market):
    market.ok("dag", "deploy", EXAMPLES / "dags" / "gaps.yaml", "--wait")
    text = market.ok("run", "gaps", "day", *GAP_DAY, "--wait")
    assert re.search(r"^find_gaps +0 +0 +0 +1 +0 ", text, re.MULTILINE), text
    gaps = market.json("dataset", "head", "btc_usd_gaps", "-n", "10000")
    assert gaps["rows"]
    lines = market.ok("dataset", "head", "btc_usd_gaps", "-n", "5").splitlines()
    assert len(lines) == 1 + min(5, len(gaps["rows"]))


def test_a_failed_task_is_told_with_its_log_and_may_be_retried(market, tmp_path):
    path = tmp_path / "missing.yaml"
    source = (EXAMPLES / "dags" / "gaps.yaml").read_text()
    text = source.split("  - name: find_gaps")[0] + "publish:\n  never_there:\n" + (
        "    from: { job: load_bars, output: 0 }\n    storage: postgres\n    write_mode: direct\n"
    )
    path.write_text(text.replace("name: gaps", "name: missing").replace("BTC-USD", "NO-SUCH"))
    market.ok("dag", "deploy", path, "--wait")
    done = market.run("run", "missing", "day", *GAP_DAY, "--wait")
    assert done.returncode == 1
    assert re.search(r"^task_failed: load_bars \S+: source_missing ", done.stderr, re.MULTILINE)
    failed = market.json("task", "list", "--dag", "missing", "--state", "failed")["items"]
    assert len(failed) == 1
    shown = market.ok("task", "show", failed[0]["task_id"])
    assert "state     failed" in shown and "source_missing" in shown
    assert market.ok("task", "retry", failed[0]["task_id"]).startswith(
        f"Task {failed[0]['task_id']} is "
    )
