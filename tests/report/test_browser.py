"""The page in a real browser: nothing from a record runs, everything of ours does."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from tests.report.chromium import open_page
from tests.report.panels import make_comparison, make_full_record, make_hostile_panels
from tests.report.records import HOSTILE, make_hostile_record, make_record
from tests.report.showing import render_html

from vulnscope.records.base import NotMeasured
from vulnscope.report.format import format_signed, name_answer

pytestmark = [pytest.mark.browser, pytest.mark.needs("chromium")]

OWNED = re.compile(r"<html[^>]*\bdata-owned")
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')


def count_charts(dom: str) -> int:
    return len(re.findall(r'<svg class="plot"', dom))


def title_of(dom: str) -> str:
    found = re.search(r"<title>(.*?)</title>", dom, re.S)
    assert found
    return unescape(found[1])


def drive(record: Any, script: str, folder: Path) -> Any:
    """What `script` returns in the page of `record`, whose policy is taken out to let it in."""
    page = POLICY.sub("", render_html(record))
    end = "<script>document.documentElement.setAttribute('data-answer', JSON.stringify((() => {%s})()))</script></body>"
    dom = open_page(page.replace("</body>", end % script), folder).dom
    answer = re.search(r'<html[^>]*data-answer="([^"]*)"', dom)
    assert answer, "the script did not finish"
    return json.loads(unescape(answer[1]))


def test_every_chart_is_drawn_and_the_policy_admits_all_of_it(tmp_path: Path) -> None:
    opened = open_page(render_html(make_full_record()), tmp_path)
    assert 'data-ready="true"' in opened.dom
    assert count_charts(opened.dom) == 8
    assert opened.complaints == []


def test_points_that_were_asked_in_one_direction_only_leave_out_one_chart(tmp_path: Path) -> None:
    record = make_record()
    points = tuple(point.model_copy(update={"acquiescence": None}) for point in record.points)
    missing = NotMeasured(reason="asked in one direction only")
    overall = record.overall.model_copy(update={"acquiescence_mean": missing})
    opened = open_page(render_html(record.model_copy(update={"points": points, "overall": overall})), tmp_path)
    assert count_charts(opened.dom) == count_charts(open_page(render_html(record), tmp_path).dom) - 1
    assert opened.complaints == []


@pytest.mark.parametrize("text", ["", HOSTILE], ids=["plain", "hostile"])
def test_a_comparison_draws_its_chart_and_runs_nothing_else(text: str, tmp_path: Path) -> None:
    opened = open_page(render_html(make_comparison(text)), tmp_path)
    assert not OWNED.search(opened.dom)
    assert 'data-ready="true"' in opened.dom
    assert count_charts(opened.dom) == 1
    assert opened.complaints == []


def test_nothing_runs_in_a_hostile_page(tmp_path: Path) -> None:
    record = make_hostile_record().model_copy(update=make_hostile_panels())
    opened = open_page(render_html(record), tmp_path)
    assert not OWNED.search(opened.dom)
    assert title_of(opened.dom).startswith("</script><script>")
    assert 'data-ready="true"' in opened.dom, "our own scripts must run"
    assert count_charts(opened.dom) >= 3
    assert opened.complaints == []


def test_escaping_alone_holds_without_the_policy(tmp_path: Path) -> None:
    page, n_policies = POLICY.subn("", render_html(make_hostile_record()))
    assert n_policies == 1
    opened = open_page(page, tmp_path)
    assert not OWNED.search(opened.dom)
    assert 'data-ready="true"' in opened.dom


def test_the_policy_alone_holds_without_escaping(tmp_path: Path) -> None:
    page = render_html(make_record(8)).replace("<h1>", f"<h1>{HOSTILE}")
    opened = open_page(page, tmp_path)
    assert not OWNED.search(opened.dom)
    assert any("Content Security Policy" in line for line in opened.complaints)


def test_this_browser_would_show_an_injection(tmp_path: Path) -> None:
    page = POLICY.sub("", render_html(make_record(8))).replace("<h1>", f"<h1>{HOSTILE}")
    assert OWNED.search(open_page(page, tmp_path).dom)


def test_the_pair_browser_filters_sorts_folds_and_moves(tmp_path: Path) -> None:
    answer = drive(
        make_record(),
        """
        const list = document.getElementById("pair-list"), view = document.getElementById("pair-view");
        const names = () => [...list.querySelectorAll("button")].map((button) => button.firstChild.textContent);
        const set = (id, value) => {
          const field = document.getElementById(id);
          field.value = value;
          field.dispatchEvent(new Event("input", { bubbles: true }));
        };
        const heading = () => view.querySelector("h3").textContent;
        const seen = { all: names().length, first: heading() };
        const down = new KeyboardEvent("keydown", { key: "ArrowDown", bubbles: true });
        list.querySelector("[aria-current=true]").dispatchEvent(down);
        seen.next = heading();
        seen.rows = view.querySelectorAll(".diff tbody tr").length;
        view.querySelector(".fold button")?.click();
        seen.unfolded = view.querySelectorAll(".diff tbody tr").length;
        set("pair-search", "SELECT from orders");
        seen.found = names();
        set("pair-cwe", "CWE-787");
        seen.none = view.textContent;
        set("pair-search", "");
        set("pair-order", "ranked worst first");
        seen.worst = names()[0];
        document.dispatchEvent(new CustomEvent("pair", { detail: 4 }));
        seen.chosen = heading();
        seen.told = [...view.querySelectorAll("thead th small")].map((each) => each.textContent);
        return seen;
        """,
        tmp_path,
    )
    pairs = make_record().pairs
    assert answer["all"] == len(pairs)
    assert (answer["first"], answer["next"], answer["chosen"]) == (pairs[0].pair, pairs[1].pair, pairs[4].pair)
    assert answer["unfolded"] > answer["rows"]
    assert answer["found"] == [pair.pair for pair in pairs if pair.cwe == "CWE-89"]
    assert answer["none"] == "No pair matches."
    # The log-odds of the one question beside its answer, then the margin, which takes two.
    shown, margins = pairs[4], (pairs[4].vulnerable_margin, pairs[4].fixed_margin)
    assert answer["told"] == [
        f"says {name_answer(says)}, log-odds {format_signed(decided)} · margin {format_signed(margin)}"
        for says, decided, margin in zip(
            (shown.vulnerable_says, shown.fixed_says), shown.log_odds, margins, strict=True
        )
    ]
    overflow = [pair for pair in pairs if pair.cwe == "CWE-787"]
    assert answer["worst"] == min(overflow, key=lambda pair: pair.vulnerable_margin - pair.fixed_margin).pair


def test_terms_explain_themselves_on_focus_and_the_theme_turns(tmp_path: Path) -> None:
    answer = drive(
        make_record(8),
        """
        const tip = document.getElementById("tip"), theme = document.getElementById("theme");
        document.querySelector("a.term").dispatchEvent(new FocusEvent("focusin", { bubbles: true }));
        const shown = { hidden: tip.hidden, text: tip.textContent };
        document.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape" }));
        theme.click(), theme.click();
        const paper = getComputedStyle(document.body).backgroundColor;
        return { ...shown, after: tip.hidden, theme: document.documentElement.dataset.theme, paper };
        """,
        tmp_path,
    )
    assert not answer["hidden"]
    assert answer["text"].startswith("A vulnerable piece of code and its fixed version")
    assert answer["after"]
    assert (answer["theme"], answer["paper"]) == ("dark", "rgb(21, 23, 27)")


@pytest.mark.parametrize("make", [make_full_record, make_hostile_record, make_comparison])
def test_the_page_does_not_scroll_sideways_on_a_phone(make: Callable[[], Any], tmp_path: Path) -> None:
    report = (
        "<script>setTimeout(() => { const root = document.documentElement;"
        "parent.postMessage(`${root.scrollWidth} of ${root.clientWidth}`, '*') }, 2000)</script>"
    )
    page = POLICY.sub("", render_html(make())).replace("</body>", f"{report}</body>")
    (tmp_path / "report.html").write_text(page, encoding="utf-8")
    frame = (
        "<!doctype html><script>onmessage = (event) => document.documentElement.setAttribute('data-width', event.data)"
        "</script><iframe style='width:375px;height:800px;border:0' src='report.html'></iframe>"
    )
    needed, _, there = re.findall(r'data-width="([^"]*)"', open_page(frame, tmp_path).dom)[0].partition(" of ")
    assert int(needed) <= int(there) <= 375
